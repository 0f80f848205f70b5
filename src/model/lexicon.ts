/**
 * Words by which orders to a model are told in nine languages: what is to be dropped, who is spoken to, what is to be
 * kept from whom, and what is to be moved. A word ends in `*` where only its beginning counts. Everyday words of each
 * language, none of a product or a collection of attacks; languages without blanks are looked up character by character.
 */

export type Concept =
  | 'ignore'
  | 'prior'
  | 'instruction'
  | 'model'
  | 'user'
  | 'not'
  | 'without'
  | 'tell'
  | 'secret'
  | 'conversation'
  | 'send'
  | 'read'
  | 'delete'
  | 'before'
  | 'must'
  | 'all'

/** English first: what is said of English sentences elsewhere is not said twice. */
const ENGLISH: Readonly<Record<Concept, string>> = {
  ignore: 'ignore ignoring disregard* forget override overrides bypass',
  prior: 'previous* prior above earlier before original system so-far',
  instruction:
    'instruction* instructed told rule rules guideline* directive* prompt prompts task tasks orders guardrail*',
  model:
    'assistant assistants ai llm llms chatbot chatbots gpt copilot agents language-model ai-model ai-agent ai-assistant',
  user: 'user users human humans customer owner operator',
  not: "not never don't dont nobody nothing cannot",
  without: 'without',
  tell: 'tell telling mention mentioning inform informing notify notifying reveal revealing disclose disclosing alert*',
  secret: 'password* passphrase* credential* secret secrets token tokens api-key api-keys private-key private-keys',
  conversation: 'conversation* chat history transcript',
  send: 'send sending forward* transmit* upload* pass passing attach* append* include transfer* post submit email mail pay wire export share copy',
  read: 'read open load fetch retrieve access collect list',
  delete: 'delete remove erase drop wipe destroy purge',
  before: 'before first prior',
  must: 'must should shall have-to has-to need-to needs-to required please immediately now',
  all: 'all every everything any whole entire',
}

const OTHERS: Readonly<Record<Concept, string>> = {
  ignore:
    'ignorier* missacht* vergiss vergesst vergessen übergeh* ignorez ignores oubli* ignora ignore ignorar ignoren olvid* omite omitir esqueç* esquec* desconsider* dimentic* trascura* игнорир* проигнор* забудь* забыть отмени 忽略 无视 無視 忘记 忘掉 忘れ 무시',
  prior:
    'bisherig* vorherig* vorig* obig* früher* ursprünglich* précédent* antérieur* initial* anterior* previ* original* precedent* iniziale* originari* предыдущ* прежн* ранее исходн* 之前 以前 先前 上述 以上 これまで 従来 이전',
  instruction:
    'anweisung* auftrag* aufträge* vorgabe* aufgabe* consigne* instruction* règle* directive* tâche* instrucc* instruç* regla* tarea* orden órdenes regra* tarefa* ordens istruzion* regol* compito direttiv* инструкц* указани* правил* задани* 指令 指示 规则 命令 任务 提示词 指図 タスク 지시 지침',
  model:
    'assistent* ki-* sprachmodell* chatbot* assistant* ia asistente* assistente* agente* agenti modello ассистент* помощник* ии агент* 助手 智能体 人工智能 大模型 アシスタント エージェント モデル 어시스턴트',
  user: 'nutzer* benutzer* anwender* kunde* utilisateur* utilisatrice* client usuari* usuári* cliente utente utenti пользовател* клиент* 用户 使用者 客户 ユーザー 利用者 사용자',
  not: 'nicht nichts nie niemals kein* ne pas rien jamais no nunca nada não nem non niente mai не ничего никогда 不要 不得 请勿 切勿 勿 别 不必 无需 無需 ないで ないこと ません しない ず 지 마',
  without: 'ohne sans sin sem senza без',
  tell: 'erwähn* sag sage sagen sagst mitteil* mitzuteilen informier* verrat* erfahr* wissen bescheid dis dire dites mentionn* préven* prévien* parle* parler révèl* révél* inform* digas diga decir decirl* decírsel* mencion* avis* revel* dizer conte contar dirlo dirgli dica dire menzion* avvis* rivel* parlarne сообща* сообщи* говори* скажи* упомина* раскрыва* уведомл* 告诉 告知 通知 提及 透露 提到 知らせ 伝え 言わ 教え 말하 알리',
  secret:
    'passwort* passwörter* kennwort* kennwörter* zugangsdaten anmeldedaten geheimniss* schlüsseldatei* passe identifiants contraseñ* credencia* senha* credenzial* password* token* парол* учётн* учетн* токен* секрет* ключами ключи ключей 密码 密钥 凭证 凭据 口令 令牌 パスワード 認証情報 秘密鍵 資格情報 비밀번호',
  conversation:
    'unterhaltung* gespräch* chatverlauf* verlauf conversation historique échanges conversaci* historial conversa* histórico conversazion* cronologia переписк* диалог* историю истории 对话 聊天记录 历史记录 会話 履歴 대화',
  send: 'send* sende* übermittel* übermitteln übergeb* übergib überweis* anhäng* hänge angehängt weiterleit* leite weitergeb* weiterzugeben envoi* envoy* transmet* transmett* ajoute* joins joindre verse* vire* enví* envi* transfier* transfer* incluy* adjunt* pasa pasar pase transfir* inclua anexe repasse passe invia* inoltr* trasmett* passa* passane allega* bonific* trasferisc* отправ* перешл* переда* прилож* перевед* вышли* 发送 发给 发到 传递 传入 上传 转发 放入 填入 提交 转账 汇款 送信 送って 渡し 転送 含め 添付 振り込 보내 전송',
  read: 'lies lese* gelesen öffn* lade* geladen lis lisez lire ouvr* lee lea leer abre abra abrir lei* leia ler leggi legga leggere apri aprire прочита* прочти* открой* считай* 读取 打开 查看 读出 読み 読んで 開い 読取 읽',
  delete:
    'lösch* entfern* supprim* efface* elimin* borra* borre* apag* remov* exclu* cancell* rimuov* удал* сотри* 删除 清空 削除 消去 삭제',
  before:
    'bevor vor vorher zuerst avant antes prima primero primeiro перед прежде сначала до 之前 前先 使用前 首先 前に 先に まず 전에',
  must: 'muss müssen musst soll* sofort bitte doit devez doivent dois faut veuillez debe* debes deve* devi bisogna должен* должн* необходимо нужно следует пожалуйста обязательно 必须 需要 务必 应当 请 必ず ください なければ 해야',
  all: 'alle alles sämtlich* gesamt* ganze* tout* tous complet* todo* todas complet* tutt* complet* inter* все весь всю всё 所有 全部 一切 すべて 全て 全体 모든',
}

interface Meaning {
  readonly concept: Concept
  readonly isEnglish: boolean
}

/** Where a concept stands in a sentence. */
export interface Mention extends Meaning {
  /** counted in words; three characters are a word where there are no blanks */
  readonly place: number
}

const WORDS = new Map<string, Meaning[]>()
const BEGINNINGS = new Map<string, Meaning[]>()
const CHARACTERS = new Map<string, Meaning[]>()
const LONGEST_CHARACTERS = 6
const LONGEST_BEGINNING = 12
const WITHOUT_BLANKS = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/

function learn(words: Readonly<Record<Concept, string>>, isEnglish: boolean): void {
  for (const [concept, list] of Object.entries(words) as [Concept, string][])
    for (const entry of list.split(' ')) {
      const isBeginning = entry.endsWith('*')
      const key = (isBeginning ? entry.slice(0, -1) : entry).replaceAll('-', ' ')
      const map = WITHOUT_BLANKS.test(key) ? CHARACTERS : isBeginning ? BEGINNINGS : WORDS
      const meanings = map.get(key) ?? []
      if (!meanings.some((one) => one.concept === concept)) map.set(key, [...meanings, { concept, isEnglish }])
    }
}
learn(ENGLISH, true)
learn(OTHERS, false)

const WORD = /[\p{L}\p{M}]+(?:['’][\p{L}]+)?/gu
const MOST_WORDS = 120

/** Concepts that a lower-case sentence mentions, in order. Linear; at most the first 120 words are looked at. */
export function mentionsIn(sentence: string): readonly Mention[] {
  const mentions: Mention[] = []
  let place = 0
  let before = ''
  for (const [word] of sentence.matchAll(WORD)) {
    if (place >= MOST_WORDS) break
    if (WITHOUT_BLANKS.test(word)) place = lookUpCharacters(word, place, mentions)
    else {
      for (const meaning of meaningsOf(word)) mentions.push({ ...meaning, place })
      for (const meaning of WORDS.get(`${before} ${word}`) ?? []) mentions.push({ ...meaning, place })
    }
    before = word
    place++
  }
  return mentions
}

/** Texts use the same words again and again. Bounded, emptied when full. */
const known = new Map<string, readonly Meaning[]>()
const MOST_KNOWN = 8_192

function meaningsOf(raw: string): readonly Meaning[] {
  const found = known.get(raw)
  if (found !== undefined) return found
  const meanings = lookUp(raw)
  if (known.size >= MOST_KNOWN) known.clear()
  if (raw.length <= 32) known.set(raw, meanings)
  return meanings
}

function lookUp(raw: string): readonly Meaning[] {
  const whole = WORDS.get(raw)
  if (whole !== undefined) return whole
  // An article that is joined by an apostrophe is not part of the word (l'utente, d’envoyer).
  const cut = Math.max(raw.indexOf("'"), raw.indexOf('’'))
  const word = cut > 0 && cut <= 6 && raw.length - cut > 3 ? raw.slice(cut + 1) : raw
  const cutWord = WORDS.get(word)
  if (cutWord !== undefined) return cutWord
  for (let length = Math.min(word.length, LONGEST_BEGINNING); length >= 2; length--) {
    const found = BEGINNINGS.get(word.slice(0, length))
    if (found !== undefined) return found
  }
  return []
}

function lookUpCharacters(run: string, from: number, mentions: Mention[]): number {
  for (let at = 0; at < run.length && at < 3 * MOST_WORDS; ) {
    let matched = 0
    for (let length = Math.min(LONGEST_CHARACTERS, run.length - at); length > 0 && matched === 0; length--) {
      const found = CHARACTERS.get(run.slice(at, at + length))
      if (found === undefined) continue
      for (const meaning of found) mentions.push({ ...meaning, place: from + Math.floor(at / 3) })
      matched = length
    }
    at += matched === 0 ? 1 : matched
  }
  return from + Math.ceil(run.length / 3)
}

/** Every word and beginning of these concepts, for a look-up that is cheaper than reading the sentence. */
export function wordsOfConcepts(concepts: readonly Concept[]): {
  readonly words: readonly string[]
  readonly characters: readonly string[]
} {
  const named = (map: Map<string, Meaning[]>): string[] =>
    [...map].flatMap(([key, meanings]) => (meanings.some((one) => concepts.includes(one.concept)) ? [key] : []))
  return { words: [...named(WORDS), ...named(BEGINNINGS)], characters: named(CHARACTERS) }
}

/** The nearest two mentions of both concepts are at most `words` apart. */
export function areNear(mentions: readonly Mention[], a: Concept, b: Concept, words: number): boolean {
  for (const one of mentions)
    if (one.concept === a)
      for (const other of mentions)
        if (other.concept === b && other !== one && Math.abs(one.place - other.place) <= words) return true
  return false
}

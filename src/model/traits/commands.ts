/**
 * Shapes of commands inside argument values. Closed lists of what operating systems, interpreters and databases
 * understand, never a product's own words. Every scan is a plain loop or a regex without nested quantifiers.
 */

const PROGRAMS = new Set(
  (
    'awk aws base64 bash busybox cat certutil chmod chown cmd cp crontab curl dd del dig docker echo env eval ftp git ' +
    'grep gzip id ifconfig ip ipconfig java kubectl lua ls mkfifo mkfs mv nc ncat netcat netstat node npm nslookup ' +
    'openssl perl php ping pip pip3 pkill powershell powershell.exe printenv ps pwsh python python3 reboot rm rsync ruby ' +
    'scp sed sh shutdown socat ssh su sudo systemctl tar tasklist tee telnet tftp uname useradd wget whoami wmic xargs ' +
    'xxd zip zsh'
  ).split(' '),
)
/** worth running without any argument */
const BARE = new Set('env id ifconfig ipconfig ls printenv ps reboot shutdown tasklist uname whoami'.split(' '))

/** What the text, taken as a command line, is: nothing of the kind, a command, or something else that a command was put into. */
export type CommandShape = 'none' | 'command' | 'chained' | 'injected'

const MAY_CHAIN = /[;|&`$\n]/
const LOOKED_AT = 4096

export function commandShape(full: string): CommandShape {
  const text = full.length > LOOKED_AT ? full.slice(0, LOOKED_AT) : full
  const opens = PROGRAMS.has(wordAt(text, 0)) && isInvocation(text, wordAt(text, 0).length)
  if (!MAY_CHAIN.test(text)) return opens ? 'command' : 'none'
  if (!runsAnother(text)) return opens ? 'command' : 'none'
  return opens ? 'chained' : 'injected'
}

function runsAnother(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    const next = text.charCodeAt(i + 1)
    if (c === DOLLAR && text.startsWith('{IFS}', i + 1)) return true
    if (c === DOLLAR && next === OPEN) {
      if (programAt(text, i + 2, true)) return true
    } else if (c === BACKTICK) {
      if (text.length <= SHORT && !isBlank(text.charCodeAt(i - 1)) && programAt(text, i + 1, true)) return true
    } else if (c === SEMICOLON || (c === AMPERSAND && (next === AMPERSAND || next === SPACE))) {
      if (programAt(text, i + (next === AMPERSAND ? 2 : 1), true)) return true
    } else if (c === PIPE) {
      // A line of a table stands between two of them.
      if (text.indexOf('|', i + 2) < 0 && programAt(text, i + (next === PIPE ? 2 : 1), true)) return true
    } else if (c === NEWLINE && i > 0 && text.length <= SHORT && programAt(text, i + 1, false)) return true
  }
  return false
}

/** Lines of a longer text are prose or a document, and what they quote was not put there to be run. */
const SHORT = 200

function programAt(text: string, from: number, mayBeBare: boolean): boolean {
  let at = from
  while (at < from + 8 && isBlank(text.charCodeAt(at))) at++
  if (text.startsWith('/bin/', at) || text.startsWith('/usr/bin/', at)) return true
  const word = wordAt(text, at)
  if (!PROGRAMS.has(word)) return false
  return (mayBeBare && BARE.has(word) && endsCommand(text, at + word.length)) || isInvocation(text, at + word.length)
}

/** A blank and then something no sentence goes on with: an option, a path, an address, a quote, a file, a variable. */
function isInvocation(text: string, from: number): boolean {
  if (text.charCodeAt(from) !== SPACE) return false
  const to = text.indexOf(' ', from + 1)
  const word = text.slice(from + 1, Math.min(to < 0 ? text.length : to, from + 257))
  return /^[-/~"'$.<>@]|[/\\=]|\w\.\w|^(?:any|install|status|log|clone|config|push|run|exec)$/.test(word)
}

function endsCommand(text: string, from: number): boolean {
  let at = from
  while (isBlank(text.charCodeAt(at))) at++
  return at >= text.length || ';|&)`#\n'.includes(text[at] ?? ';')
}

function wordAt(text: string, from: number): string {
  let to = from
  while (to < text.length && to - from < 16 && isWord(text.charCodeAt(to))) to++
  return text.slice(from, to)
}

function isWord(c: number): boolean {
  return (c >= 97 && c <= 122) || (c >= 48 && c <= 57) || c === 46
}

function isBlank(c: number): boolean {
  return c === SPACE || c === 9
}

const NEWLINE = 10
const SPACE = 32
const DOLLAR = 36
const AMPERSAND = 38
const OPEN = 40
const SEMICOLON = 59
const BACKTICK = 96
const PIPE = 124

/**
 * Commands that hardly anyone runs on purpose: fetch and run, a shell over the network, files sent away, everything
 * deleted, and the ways out of an interpreter or a template.
 */
const HOSTILE = [
  /\b(?:curl|wget|iwr|invoke-webrequest)\b[^\n|]{1,512}\|\s{0,8}(?:sudo\s{1,4})?(?:ba|z|da)?sh\b/i,
  /\b(?:curl|wget)\b[^\n]{1,256}(?:--data\S{0,16}|--upload-file|--post-file|-d|-F|-T)[ =]\S{0,64}(?:@|\$\(|`|[/~]\.?\w)/,
  /\/dev\/(?:tcp|udp)\/|\bnc(?:at)?\s[^\n]{0,64}-[a-z]{0,3}[ec]\b|\bbash\s{1,4}-i\b|\bmkfifo\s{1,4}\/tmp\//,
  /\bbase64\s{1,4}(?:-d|-D|--decode)\b[^\n]{0,128}\|\s{0,8}(?:ba|z|da)?sh\b|\bpowershell(?:\.exe)?\b[^\n]{0,64}\s-e(?:nc|ncodedcommand)?\s/i,
  /\brm\s{1,4}-[a-z]{0,2}r[a-z]{0,2}\s{1,4}(?:--no-preserve-root\s{1,4})?[/~*](?:\s|$|\*)|\bmkfs\.|\bdd\s{1,4}if=[^\n]{1,64}of=\/dev\//,
  /\bchmod\s{1,4}(?:\+s|[0-7]?777)\s{1,4}\/|>>?\s{0,4}(?:\/etc\/|~\/\.(?:ssh|bashrc|profile|zshrc))|authorized_keys/,
  /\b__import__\s{0,4}\(|\bos\.(?:system|popen|environ)\b|\bsubprocess\.(?:run|call|popen|check_output)\b|\bchild_process\b|\b__subclasses__\b|\bgetRuntime\(\)\.exec\b|!!python\/object/i,
  /\$\{(?:jndi|\$\{)|\{\{[^}]{0,64}(?:__class__|config\.|request\.|7\s{0,2}\*\s{0,2}7)/i,
]
const MAY_BE_HOSTILE =
  /curl|wget|iwr|invoke-webrequest|\/dev\/|\bnc|bash|mkfifo|base64|powershell|\brm\s|mkfs|\bdd\s|chmod|>|authorized_keys|__|os\.|subprocess|child_process|getRuntime|!!python|\$\{|\{\{/i

export function isHostileCommand(full: string): boolean {
  const text = full.length > LOOKED_AT ? full.slice(0, LOOKED_AT) : full
  return MAY_BE_HOSTILE.test(text) && HOSTILE.some((pattern) => pattern.test(text))
}

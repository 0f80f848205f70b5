/** Shapes of database queries inside argument values (OWASP testing guide WSTG-INPV-05: tautologies, unions, stacked statements, catalogues). */

const IS_QUERY = /^\s{0,8}(?:select|with|insert|update|delete|merge|replace|drop|alter|create|truncate|grant)\s/i
const INJECTED = [
  /\bor\s{1,8}(?:true\b|not\s{1,4}false\b|(['"]?)(\w{1,16})\1\s{0,4}(?:=|like)\s{0,4}\1\2(?:\W|$))/i,
  /\bunion\s{1,8}(?:all\s{1,8}|distinct\s{1,8})?select\b/i,
  /;\s{0,8}(?:drop|alter|truncate|create|grant|revoke)\s{1,8}(?:table|database|schema|user|role|all|view|index)\b|;\s{0,8}(?:delete\s{1,8}from|insert\s{1,8}into|update\s{1,8}\S{1,64}\s{1,8}set|exec(?:ute)?\s)/i,
  /\b(?:xp_cmdshell|load_file|pg_read_file|pg_ls_dir|lo_import|pg_sleep|sleep|benchmark|dbms_pipe)\s{0,4}\(|\binto\s{1,4}(?:out|dump)file\b|\bwaitfor\s{1,4}delay\b|\bcopy\s{1,4}\S{1,64}\s{1,4}(?:to|from)\s{1,4}program\b/i,
  /['"]\s{0,4}(?:;|\))?\s{0,4}(?:--|#|\/\*)/,
]
const CATALOGUE =
  /\b(?:information_schema|pg_catalog|pg_shadow|pg_user|sqlite_master|sqlite_schema|mysql\.user|sys\.(?:tables|objects|sql_logins)|all_tables)\b/i
const MAY_BE =
  /\b(?:or|union|select|drop|alter|truncate|delete|insert|update|grant|exec|sleep|copy|into|waitfor)\b|--|_file|_schema|pg_|sqlite_|xp_/i
const LOOKED_AT = 4096

export interface QueryShape {
  readonly isQuery: boolean
  /** it holds what turns one query into another one */
  readonly isInjected: boolean
  /** a read of whole tables: neither a condition nor a limit */
  readonly isUnbounded: boolean
  /** it asks the database about itself */
  readonly readsCatalogue: boolean
}

export function queryShape(full: string): QueryShape | undefined {
  const text = full.length > LOOKED_AT ? full.slice(0, LOOKED_AT) : full
  if (!MAY_BE.test(text)) return undefined
  const isQuery = IS_QUERY.test(text)
  return {
    isQuery,
    isInjected: INJECTED.some((pattern) => pattern.test(text)),
    isUnbounded:
      isQuery &&
      /^\s{0,8}(?:select|delete|update)\b/i.test(text) &&
      !/\b(?:where|limit|top|fetch|having|count|sum|avg|min|max)\b/i.test(text),
    readsCatalogue: isQuery && CATALOGUE.test(text),
  }
}

/** Shapes of paths and addresses inside argument values. */

/**
 * Files in which systems keep credentials, by the names that the systems themselves prescribe (OpenSSH, PAM, AWS, GCP,
 * Azure, Kubernetes, Docker, git, npm, PyPI, PostgreSQL, browsers, MCP clients), and the address of cloud metadata.
 */
const CREDENTIAL =
  /(?:^|[/\\~\s"'=])(?:\.ssh[/\\](?!config\b|known_hosts\b)\w|id_(?:rsa|dsa|ecdsa|ed25519)(?!\.pub)\b|\.aws[/\\]credentials|\.azure[/\\]\w|\.config[/\\]gcloud|application_default_credentials|\.kube[/\\]config|\.docker[/\\]config\.json|\.git-credentials|\.netrc\b|\.npmrc\b|\.pypirc\b|\.pgpass\b|\.my\.cnf\b|\.htpasswd\b|\.vault-token\b|\.gnupg[/\\]|\.password-store[/\\]|\.env(?:\.(?:local|prod|production|staging|dev|development))?(?![\w.-])|etc[/\\](?:shadow|gshadow|passwd|sudoers|master\.passwd|krb5\.keytab)\b|proc[/\\](?:self|\d{1,7})[/\\]environ\b|var[/\\]run[/\\]secrets[/\\]|run[/\\]secrets[/\\]|secrets?\.(?:json|ya?ml|toml|env|txt)\b|credentials?\.(?:json|ya?ml|csv|ini|txt|db|xml)\b|(?<=[/\\])credentials?(?=$|["'\s])|service[_-]account[\w-]{0,32}\.json\b|wallet\.dat\b|login\.keychain|Login Data\b|key3\.db\b|key4\.db\b|logins\.json\b|cookies\.sqlite\b|\.(?:ba|z)sh_history\b|(?:terraform|secrets?)[\w-]{0,32}\.tfvars\b|\*\.?(?:pem|key|p12|pfx|kdbx|env)$|SAM$|NTDS\.dit\b|claude_desktop_config\.json\b|\.cursor[/\\]mcp\.json\b|[\w-]{0,32}(?:key|priv|secret)[\w-]{0,32}\.(?:pem|key)\b|[\w-]{1,64}\.(?:p12|pfx|jks|keystore|kdbx|ppk)\b)/i
const METADATA =
  /169\.254\.169\.254|169\.254\.170\.2|metadata\.google\.internal|100\.100\.100\.200|\[?fd00:ec2::254|\/computeMetadata\/v1|\/latest\/meta-data/i
const SYSTEM = /^(?:file:\/\/)?(?:\/(?:etc|proc|root|sys|boot|dev|var\/(?:log|run|lib))(?:\/|$)|[a-z]:\\windows\\)/i
const INTERNAL =
  /:\/\/(?:[^/@\s]{0,64}@)?(?:localhost|127\.\d|0\.0\.0\.0|\[::1?\]|10\.\d{1,3}\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)|^(?:gopher|dict|file|ldap|jar|netdoc|phar):\/\//i
const ENCODED_UP = /%2e%2e|\.\.%2f|\.\.%5c|%252e|\.\.;\/|\.{4,}\/{2,}|%c0%ae/i

/** A name alone is a file only in an argument that takes paths; a sentence that mentions one is not an access. */
const MOST = 512

export function isCredentialFile(text: string): boolean {
  return text.length <= MOST && CREDENTIAL.test(text)
}

export function isCloudMetadata(text: string): boolean {
  return METADATA.test(text.length > MOST ? text.slice(0, MOST) : text)
}

export function isSystemPath(text: string): boolean {
  return text.length <= MOST && SYSTEM.test(text)
}

export function isInternalAddress(text: string): boolean {
  return text.length <= MOST && INTERNAL.test(text)
}

/** Steps to a parent directory in a path; an encoded one counts as two, since nobody writes one by chance. */
export function stepsUp(text: string): number {
  if (text.length > MOST) return 0
  if (ENCODED_UP.test(text)) return 2
  let steps = 0
  for (let at = text.indexOf('..'); at >= 0; at = text.indexOf('..', at + 2))
    if (isSeparator(text.charCodeAt(at - 1)) && isSeparator(text.charCodeAt(at + 2))) steps++
  return steps
}

/** Slash, backslash, or where the text begins or ends. */
function isSeparator(c: number): boolean {
  return c === 47 || c === 92 || Number.isNaN(c)
}

/** Everything there is, instead of one: `*`, `%`, `.*`, or a path that ends in a star. */
export function isWildcard(text: string): boolean {
  return text.length <= MOST && /^(?:\*{1,2}|%|\.\*|\*\.\*|\*:\*)$|[/\\]\*{1,2}(?:[/\\]?\*?)?$/.test(text)
}

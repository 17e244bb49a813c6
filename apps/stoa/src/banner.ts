import { columns } from './command-line.ts'
import type { FirstBoot } from './first-boot.ts'

/** What the banner tells of. */
export interface BannerFacts {
  /** How the outside reaches Stoa, without a slash at the end. */
  readonly url: string
  /** Where it listens, when that is another address. */
  readonly address: string
  /** `PGlite in /srv/stoa/.stoa/db`, `PostgreSQL at db.example.org/stoa`. */
  readonly database: string
  /** Whether the database is this process's alone, so that no command can use it meanwhile. */
  readonly embedded: boolean
  /** `cache:6379`; null when there is none. */
  readonly redis: string | null
  readonly version: string
  readonly firstBoot: FirstBoot | null
  readonly startedInMs: number
}

/** Where the `curl` line takes the key from when it is not printed any more. */
const KEY_VARIABLE = 'STOA_KEY'

/**
 * What is printed when the program is ready. Every line that begins with `curl` works when pasted into a POSIX shell.
 */
export function banner(facts: BannerFacts): string {
  const { address, database, embedded, firstBoot, redis, startedInMs, url, version } = facts
  const rows: [string, string][] = [
    ['Address', url === address ? url : `${url} (listening on ${address})`],
    ['API and docs', `${url}/docs`],
    ['Ready?', `${url}/health/ready`],
    ['Database', database],
  ]
  if (redis !== null) rows.push(['Redis', redis])
  const lines = [`Stoa ${version} is ready (${(startedInMs / 1000).toFixed(1)} s)`, '', ...columns(rows), '']
  lines.push(...(firstBoot ? firstSteps(url, firstBoot) : nextSteps(url, embedded)))
  lines.push('', 'Ctrl-C stops.')
  return lines.join('\n')
}

/**
 * What is printed when stopping takes a while.
 *
 * @param requests how many still run; null when nobody can tell
 */
export function finishing(requests: number | null): string {
  const what = requests ? `${requests} request${requests === 1 ? '' : 's'}` : 'what runs'
  return `Finishing ${what}; Ctrl-C again stops at once.`
}

function firstSteps(url: string, { key, tenant }: FirstBoot): string[] {
  return [
    `This is the first start: here is the tenant '${tenant.slug}', and its owner's API key.`,
    'The key is shown this once and kept nowhere: keep it.',
    '',
    `  ${key}`,
    '',
    'Create a short link:',
    '',
    `  ${curl(url, key)}`,
    '',
    ...follow(),
  ]
}

function nextSteps(url: string, embedded: boolean): string[] {
  return [
    `Create a short link, with the key of the first start in ${KEY_VARIABLE} (export ${KEY_VARIABLE}=stoa_…):`,
    '',
    `  ${curl(url, `$${KEY_VARIABLE}`)}`,
    '',
    ...follow(),
    `Lost the key?${embedded ? ' Stop this, then' : ''} npx stoa key create --tenant demo --name owner --scope '*'`,
  ]
}

function follow(): string[] {
  return ['Then open the shortUrl of the answer in a browser. Its clicks: GET /api/v1/links/{id}/clicks.']
}

function curl(url: string, key: string): string {
  const body = '{"target":"https://example.com/"}'
  return `curl -sS ${url}/api/v1/links -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" -d '${body}'`
}

/*
 * Why the program could not start, or a command could not be done: a line for people, which says what to do. The stack
 * is for mistakes of the program alone; what is wrong with a machine or a setting has none.
 */
import { DatabaseError, DataFolderError, migrationErrors } from '@stoa/db'
import { journalErrors } from '@stoa/journal'
import { errors, StoaError } from '@stoa/kernel'
import type { Config } from './config/config.ts'

/** A refusal of the command line or of the start, in words for people. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly exitCode: number

  /** @param exitCode 2: the command was misspelt; 1: anything else */
  constructor(message: string, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Ends a text as a sentence, unless it ends as one already: `… did you mean 'up'?` does. */
export function asSentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`
}

/** What to print: the text, and whether the log should have the stack because nobody expected this. */
export interface Failure {
  readonly text: string
  readonly unexpected: boolean
}

/** Puts what was thrown in words. `config` is null when it could not be read. */
export function failureOf(thrown: unknown, config: Config | null): Failure {
  const text = expected(thrown, config)
  if (text !== null) return { text, unexpected: false }
  return { text: thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown), unexpected: true }
}

/** What to do about a refusal of a package, which knows no commands. */
const HELP = new Map<string, string>([
  [migrationErrors.schema_behind.code, "'npx stoa migrate' runs them."],
  [journalErrors.journal_from_elsewhere.code, "'npx stoa journal adopt' takes it over."],
])

function expected(thrown: unknown, config: Config | null): string | null {
  if (thrown instanceof Refusal || thrown instanceof DataFolderError) return thrown.message
  if (thrown instanceof StoaError) {
    // It has the statements that help.
    if (thrown.code === migrationErrors.database_rights_missing.code) return thrown.message
    const database = config && databaseFailure(thrown.cause, config)
    if (database) return database
    const help = HELP.get(thrown.code)
    if (help !== undefined) return `${thrown.message} ${help}`
    if (thrown.code === errors.validation_failed.code) return `${thrown.message} ${flawsOf(thrown)}`.trim()
    return thrown.code === errors.internal.code ? null : thrown.message
  }
  if (config === null || !(thrown instanceof Error)) return null
  return listenFailure(thrown, config) ?? databaseFailure(thrown, config)
}

/** `/body/scopes/0` → `scopes/0: there is no such permission.` */
function flawsOf({ fields = [] }: StoaError): string {
  return fields.map(({ message, pointer }) => `${pointer.replace(/^\/body\//, '')}: ${asSentence(message)}`).join(' ')
}

/** A port that cannot be had; null when the error is another one. */
export function listenFailure(error: Error, { http: { host, port } }: Pick<Config, 'http'>): string | null {
  const { code, hostname, syscall } = error as NodeJS.ErrnoException & { readonly hostname?: string }
  // Other servers' names are looked up too.
  const isOurs = syscall === 'listen' || syscall === 'bind' || (syscall === 'getaddrinfo' && hostname === host)
  if (!isOurs) return null
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use by another program. Choose one by PORT=${port + 1 > 65_535 ? 3000 : port + 1}, or PORT=0 for any free one.`
    case 'EACCES':
      return `This user may not listen on port ${port}. Choose a port above 1023 by PORT, or put a proxy in front.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `This machine has no address ${host}. Set HOST to one that it has; 127.0.0.1 and 0.0.0.0 always exist.`
    default:
      return null
  }
}

/** A database that cannot be used; null when the error is another one. */
function databaseFailure(error: unknown, { database }: Pick<Config, 'database'>): string | null {
  if (database === null || !(error instanceof Error)) return null
  const place = placeOf(database.url)
  if (error instanceof DatabaseError) {
    switch (error.sqlState) {
      case '28P01':
      case '28000':
        return `The database at ${place} refuses the login: ${error.message}. Check the user and the password in DATABASE_URL.`
      case '3D000':
        return `The database at ${place} does not exist: ${error.message}. Create it, or correct DATABASE_URL.`
      case '53300':
        return `The database at ${place} has no connection left: ${error.message}. Lower STOA_DATABASE_POOL_SIZE, or raise its max_connections.`
      case '42501':
        return `The login of DATABASE_URL lacks a right at ${place}: ${error.message}. 'npx stoa doctor' says which.`
      case '42P05':
      case '26000':
        return `The pooler at ${place} does not keep prepared statements apart. Set STOA_DATABASE_PREPARED=false, and STOA_DATABASE_DIRECT_URL to the database itself.`
      default:
        return /^(08|57P0)/.test(error.sqlState) ? unreachable(place, error.message) : null
    }
  }
  if (/SASL.*password must be/.test(error.message)) {
    return `The database at ${place} refuses the login: it asks for a password. Put one into DATABASE_URL.`
  }
  const reason = reasonOf(error)
  return reason === null ? null : unreachable(place, reason)
}

function unreachable(place: string, reason: string): string {
  return `The database at ${place} cannot be reached: ${reason}. Check DATABASE_URL, and that the server is up.`
}

const NETWORK =
  /ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOENT|ENOTFOUND|EAI_AGAIN|terminated|timeout|SSL|certificate/i

function reasonOf(error: Error): string | null {
  const inner = error instanceof AggregateError ? error.errors.filter((one) => one instanceof Error) : [error]
  const text = inner.map((one) => one.message).join(', ')
  return NETWORK.test(`${(error as NodeJS.ErrnoException).code} ${text}`) ? text : null
}

/** `host:port/database` of a URL, without its credentials. */
export function placeOf(url: string): string {
  if (!URL.canParse(url)) return 'DATABASE_URL'
  const { host, pathname, searchParams } = new URL(url)
  return `${host || (searchParams.get('host') ?? 'localhost')}${decodeURIComponent(pathname)}`
}

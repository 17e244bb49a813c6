/*
 * What a client can find out about a pooler between it and PostgreSQL, by three things that it sees of its own
 * connection:
 *
 *   whose process serves it       PostgreSQL tells each connection the process id of its backend when it begins; a pooler tells one of its own
 *   under which name its prepared statement is kept there       a pooler that keeps statements apart gives each a name of its own
 *   whether another connection, opened meanwhile, is served by the same backend       then they are handed on after each transaction
 */
import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { serverError } from './db-errors.ts'

/**
 * - `none`: the connection leads to PostgreSQL itself.
 * - `session`: a pooler that gives each client a connection to itself, for as long as the client stays.
 * - `tracked`: a pooler that hands connections on after each transaction, and keeps the prepared statements of its
 *   clients apart.
 * - `untracked`: a pooler that hands connections on and knows nothing of prepared statements: one client finds those of
 *   another.
 */
export type Pooling = 'none' | 'session' | 'tracked' | 'untracked'

/**
 * Looks what is between here and PostgreSQL, over two connections.
 *
 * @param timeoutMs how long a connection may take, in milliseconds; default 5,000
 * @throws DatabaseError, or the error of the connection
 */
export async function poolingOf(url: string, timeoutMs = 5_000): Promise<Pooling> {
  const clients: Client[] = []
  try {
    const [first, second] = [await connected(url, timeoutMs, clients), await connected(url, timeoutMs, clients)]
    const name = `stoa_${randomBytes(6).toString('hex')}`
    const { kept, pid } = await named(first, name)
    if (pid === processOf(first)) return 'none'
    if (pid !== (await backendOf(second))) return 'session'
    return kept === name ? 'untracked' : 'tracked'
  } catch (error) {
    throw serverError(error as Error)
  } finally {
    await Promise.allSettled(clients.map((client) => client.end()))
  }
}

async function connected(url: string, timeoutMs: number, clients: Client[]): Promise<Client> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs })
  client.on('error', () => undefined)
  await client.connect()
  clients.push(client)
  return client
}

/** The process id that the connection was told when it began. */
function processOf(client: Client): number | undefined {
  return (client as unknown as { readonly processID?: number }).processID
}

/** Its backend, and the name under which the statement of this name is kept there. */
async function named(client: Client, name: string): Promise<{ readonly pid: number; readonly kept: string | null }> {
  const text = `select pg_backend_pid() as pid, (select name from pg_prepared_statements where statement like '%${name}%') as kept`
  return (await client.query<{ pid: number; kept: string | null }>({ name, text })).rows[0] as never
}

async function backendOf(client: Client): Promise<number | undefined> {
  return (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid
}

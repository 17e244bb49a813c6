import { createTenant, type Database } from '@stoa/db'
import { type Ctx, newId } from '@stoa/kernel'
import { type Engine, openTestDatabase, startSmtpServer, type TestSmtpServer, testCtx } from '@stoa/testkit'
import {
  createMail,
  createSmtpTransport,
  type Mail,
  type MailChange,
  type MailInput,
  type MailOptions,
  type MailTransport,
  mailMigrations,
} from '../src/index.ts'

export const KEY = Buffer.alloc(32, 7)

/** An outbox on a database of its own, with an SMTP server. Each test takes a tenant of its own. */
export interface Bench extends AsyncDisposable {
  readonly db: Database
  readonly mail: Mail
  readonly server: TestSmtpServer
  /** To the server. */
  readonly transport: MailTransport
  /** What was recorded, of all tenants; what was rolled back too. */
  readonly changes: readonly MailChange[]
  tenant(placement?: 'pool' | 'schema', over?: Partial<Ctx>): Promise<Ctx>
  /** Composes in a transaction of its own; gives the id. */
  compose(ctx: Ctx, over?: Partial<MailInput>): Promise<string>
  /** Another outbox on the same database. */
  another(over: {
    transport?: MailTransport
    key?: Buffer
    record?: (change: MailChange) => void
    options?: Partial<MailOptions>
  }): Mail
}

export async function setup(engine: Engine): Promise<Bench> {
  const sets = [mailMigrations]
  const database = await openTestDatabase(engine, { sets, name: 'mail' })
  const { db } = database
  const server = await startSmtpServer()
  const transport = createSmtpTransport({ host: '127.0.0.1', port: server.port, security: 'none' })
  const changes: MailChange[] = []
  const another: Bench['another'] = (over) => {
    const record = (_ctx: unknown, _tx: unknown, change: MailChange) => (over.record ?? (() => undefined))(change)
    const options = { from: { address: 'post@stoa.example', name: 'Stoa' }, ...over.options }
    return createMail(options, { db, transport: over.transport ?? transport, key: over.key ?? KEY, record })
  }
  const mail = another({ record: (change) => changes.push(change) })
  return {
    db,
    mail,
    server,
    transport,
    changes,
    another,
    async tenant(placement = 'pool', over = {}) {
      const slug = `t-${newId().slice(-12)}`
      return testCtx({ ...over, tenant: await createTenant(db, testCtx(), sets, { slug, name: slug, placement }) })
    },
    compose: (ctx, over = {}) => {
      const message = { to: ['ann@example.org'], subject: 'Hello', text: 'Hello Ann', ...over }
      return db.transaction(ctx, (tx) => mail.compose(ctx, tx, message))
    },
    async [Symbol.asyncDispose]() {
      await transport[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

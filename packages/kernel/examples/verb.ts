/*
 * A program on the kernel: options resolve once, what is opened is closed in reverse, and a verb takes the context
 * first.
 */
import assert from 'node:assert/strict'
import {
  type Ctx,
  defineErrors,
  newId,
  Resources,
  readEnv,
  requirePermission,
  resolveOptions,
  StoaError,
  silentLogger,
  systemClock,
  systemCtx,
  tenantCtx,
} from '@stoa/kernel'

const bookErrors = defineErrors({
  book_closed: { kind: 'conflict', message: 'The guest book is closed.' },
})

interface GuestBookOptions {
  readonly maxEntries?: number
}

/** A guest book in memory. */
function createGuestBook(input: GuestBookOptions) {
  const options = resolveOptions({ maxEntries: { type: 'integer', default: 100, min: 1, max: 10_000 } }, input, {
    name: 'createGuestBook',
  })
  const entries: { id: string; text: string }[] = []
  return {
    sign(ctx: Ctx, text: string): string {
      requirePermission(ctx, 'guestbook:sign')
      if (entries.length >= options.maxEntries) {
        throw new StoaError(bookErrors.book_closed, { context: { tenant: ctx.tenant.id, entries: entries.length } })
      }
      const id = newId(ctx.clock)
      entries.push({ id, text })
      return id
    },
    async [Symbol.asyncDispose]() {
      entries.length = 0
    },
  }
}

const env = readEnv({ GUESTBOOK_SIZE: '1' }, { GUESTBOOK_SIZE: { type: 'integer', default: 100, min: 1 } })

await using resources = new Resources({ closeTimeoutMs: 1000 })
const book = resources.use(createGuestBook({ maxEntries: env.GUESTBOOK_SIZE }), 'guest book')

const system = systemCtx({ log: silentLogger, clock: systemClock }, 'example')
const ctx = tenantCtx(
  system,
  { id: newId(), slug: 'acme', schema: 'stoa_pool' },
  { permissions: new Set(['guestbook:*']), actor: { type: 'person', id: 'ada' } },
)

book.sign(ctx, 'Hello')
assert.throws(() => book.sign(ctx, 'Once more'), /The guest book is closed\./)
// StoaError: createGuestBook: invalid options: unknown option 'maxEntrys', did you mean 'maxEntries'?
assert.throws(() => createGuestBook({ maxEntrys: 5 } as GuestBookOptions), /did you mean 'maxEntries'\?/)
console.log('ok')

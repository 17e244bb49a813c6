import type { Database } from '@stoa/db'
import type { HintTransport } from './hints.ts'

/**
 * Hints over PostgreSQL's LISTEN/NOTIFY, for installations without Redis. Each message is a transaction of its own,
 * never part of a business one, because a commit with a NOTIFY takes a lock that the whole cluster shares; the relay
 * sends at most one per interval.
 *
 * @param channel one per installation that shares the database. Default `stoa_hints`
 */
export function notifyTransport(db: Pick<Database, 'listen' | 'notify'>, channel = 'stoa_hints'): HintTransport {
  return {
    send: (message) => db.notify(channel, message),
    receive: (onMessage, onGap) => db.listen(channel, onMessage, onGap),
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/*
 * A cursor is where a list goes on: the sort and the values of the last row's sort key. It is opaque to the caller and
 * signed, so that a value inside may go into SQL as a parameter of a known type, and so that a cursor works only where
 * it was given out: the tag covers the operation, the tenant, the filters and the sort, none of which are inside of it.
 *
 *   base64url(JSON of the values) . base64url(first 16 bytes of HMAC-SHA256(secret, binding, values))
 *
 * A cursor does not expire and holds no secret: whoever can read the list has seen the row it names.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { errors, StoaError } from '@stoa/kernel'

/** A value of a sort key. A Date comes back as its ISO string. */
export type CursorValue = string | number | boolean | null

/** What a cursor belongs to. Two lists that differ in any of these do not share cursors. */
export interface CursorBinding {
  readonly operationId: string
  readonly tenantId: string
  readonly sort: string
  /** The query without `limit` and `cursor`, in a canonical form. */
  readonly filters: string
}

/** Makes and reads cursors. */
export interface Cursors {
  encode(binding: CursorBinding, values: readonly (CursorValue | Date)[]): string
  /** @throws StoaError `invalid_cursor` when it was not made here for this binding */
  decode(binding: CursorBinding, cursor: string): CursorValue[]
}

/** A cursor longer than this is refused unread. */
export const MAX_CURSOR_LENGTH = 2048
const TAG_BYTES = 16

/** @param secret at least 32 bytes, the same on every node and across restarts */
export function createCursors(secret: Buffer): Cursors {
  if (secret.length < 32) throw new RangeError('a cursor secret has at least 32 bytes')
  const tagOf = (binding: CursorBinding, payload: string): Buffer => {
    const covered = JSON.stringify([binding.operationId, binding.tenantId, binding.sort, binding.filters, payload])
    return createHmac('sha256', secret).update(covered).digest().subarray(0, TAG_BYTES)
  }
  return {
    encode(binding, values) {
      const payload = Buffer.from(JSON.stringify(values)).toString('base64url')
      return `${payload}.${tagOf(binding, payload).toString('base64url')}`
    },
    decode(binding, cursor) {
      const dot = cursor.indexOf('.')
      const payload = cursor.slice(0, dot)
      const tag = Buffer.from(cursor.slice(dot + 1), 'base64url')
      const sound =
        cursor.length <= MAX_CURSOR_LENGTH &&
        dot > 0 &&
        tag.length === TAG_BYTES &&
        timingSafeEqual(tag, tagOf(binding, payload))
      if (!sound) throw new StoaError(errors.invalid_cursor, { fields: [FIELD] })
      return JSON.parse(Buffer.from(payload, 'base64url').toString()) as CursorValue[]
    },
  }
}

const FIELD = { pointer: '/query/cursor', code: 'invalid_cursor', message: 'is not a cursor of this list' }

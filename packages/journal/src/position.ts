import { errors, StoaError } from '@stoa/kernel'

/**
 * A place in the journal: everything up to it has been read. Opaque outside of this package: `xid.id`, the transaction
 * that appended the event and the event's number. Positions are ordered by transaction first, because numbers are given
 * out before the commit, and a reader that followed them would skip the slow transaction.
 */
export type Position = string & { readonly __position: never }

/** The parts of a position, as they are bound to SQL. */
export interface PositionParts {
  /** xid8, decimal. */
  readonly xid: string
  /** bigint, decimal. */
  readonly id: string
}

/** Before the first event. */
export const startPosition = '0.0' as Position

const SHAPE = /^(0|[1-9]\d{0,19})\.(0|[1-9]\d{0,18})$/
const MAX_XID = 2n ** 64n - 1n
const MAX_ID = 2n ** 63n - 1n

/** A position from its parts. */
export function positionOf(xid: string, id: string | number): Position {
  return `${xid}.${id}` as Position
}

/**
 * The parts of a position that came from outside.
 *
 * @throws StoaError `invalid_cursor` when it is not one
 */
export function positionParts(position: string): PositionParts {
  const match = typeof position === 'string' ? SHAPE.exec(position) : null
  const [, xid, id] = match ?? []
  if (xid === undefined || id === undefined || BigInt(xid) > MAX_XID || BigInt(id) > MAX_ID) {
    throw new StoaError(errors.invalid_cursor, { context: { position } })
  }
  return { xid, id }
}

/** Negative when `a` comes before `b`, 0 when they are the same place. */
export function comparePositions(a: Position, b: Position): number {
  const left = positionParts(a)
  const right = positionParts(b)
  return compareDecimals(left.xid, right.xid) || compareDecimals(left.id, right.id)
}

function compareDecimals(a: string, b: string): number {
  const order = BigInt(a) - BigInt(b)
  return order === 0n ? 0 : order < 0n ? -1 : 1
}

/** A place in the journal. Opaque, and ordered: `xid.id`. */
export type Position = string

/** Whether `a` lies behind `b`. What is no position lies behind everything, so that nothing is dropped for it. */
export function isBehind(a: Position, b: Position): boolean {
  const left = parts(a)
  const right = parts(b)
  if (left === null || right === null) return true
  return left[0] === right[0] ? left[1] > right[1] : left[0] > right[0]
}

/** The one that lies before the other. */
export function earlier(a: Position, b: Position): Position {
  return isBehind(a, b) ? b : a
}

function parts(position: Position): readonly [bigint, bigint] | null {
  const [, xid, id] = /^(\d{1,20})\.(\d{1,19})$/.exec(position) ?? []
  return xid === undefined || id === undefined ? null : [BigInt(xid), BigInt(id)]
}

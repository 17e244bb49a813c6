import type { Ctx } from '@stoa/kernel'

/** The id of the person who asks, by a token or by a key of theirs; null for a program. */
export function personOf({ actor, owner = actor }: Ctx): string | null {
  return owner.type === 'person' ? owner.id : null
}

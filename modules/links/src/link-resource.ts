import type { Resource } from '@stoa/kernel'

/** A link as something that a role can be granted on. Its id is compared as we write ids. */
export function linkOf(id: string): Resource {
  return { kind: 'link', id: id.toLowerCase() }
}

import type { IncomingMessage } from 'node:http'
import type { BaseCtx } from '@stoa/kernel'
import type { Cookies } from '../sign-in/session-cookie.ts'
import type { Sessions } from '../sign-in/sessions.ts'
import type { Visitors } from './provider-deps.ts'

/** Our sessions, as the provider needs them. */
export function visitorsOf(sessions: Sessions, cookies: Cookies, ctx: BaseCtx): Visitors {
  return {
    async of({ headers }: IncomingMessage) {
      const session = await sessions.find(ctx, cookies.read(headers.cookie, 'session'))
      if (session === null) return null
      const { acr, amr, authTime, boundTenantId, endsAt, id, personId } = session
      return { sessionId: id, personId, amr, acr, authTime, boundTenantId, endsAt }
    },
    signOut: (own, { personId, sessionId }) => sessions.endQuietly(own, personId, sessionId, 'signed_out'),
    removal: () => cookies.removed('session'),
  }
}

/** Asks addresses wherever they are: the library would keep to those of the world. */
export const fetchAnywhere: typeof globalThis.fetch = (input, init) => {
  const { dispatcher: _worldOnly, ...rest } = (init ?? {}) as RequestInit & { dispatcher?: unknown }
  return globalThis.fetch(input, rest)
}

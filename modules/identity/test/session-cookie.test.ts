import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Cookies } from '../src/sign-in/session-cookie.ts'

describe('cookies', () => {
  it('where there is TLS: of this host alone (__Host-), over TLS alone, not for scripts, not with forms of other sites', () => {
    const cookies = new Cookies(() => true)
    for (const name of ['session', 'device'] as const) {
      for (const cookie of [cookies.written(name, 'token', null, 0), cookies.removed(name)]) {
        assert.match(cookie, new RegExp(`^__Host-stoa-${name}=`))
        // RFC 6265bis, 4.1.3.2: browsers take such a name only with these, and without a domain.
        assert.match(cookie, /; Path=\/; HttpOnly; SameSite=Lax; Secure$/)
        assert.doesNotMatch(cookie, /Domain/i)
      }
    }
  })

  it('where there is TLS: one without the prefix, which a subdomain can plant, is not read', () => {
    const cookies = new Cookies(() => true)
    assert.equal(cookies.read('stoa-session=planted; __Host-stoa-session=own', 'session'), 'own')
    assert.equal(cookies.read('stoa-session=planted', 'session'), null)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StoaError } from '@stoa/kernel'
import { dnsProof } from '../src/sender-proof.ts'

const KEY = Buffer.alloc(32, 7)

/** A resolver that knows these texts. */
function zone(texts: Readonly<Record<string, readonly string[][]>>) {
  return async (name: string) => texts[name] ?? Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }))
}

/** What a refusal asks to be put into DNS. */
async function wanted(tenant: string, domain: string): Promise<{ name: string; value: string }> {
  const refusal = await dnsProof(KEY, zone({}))
    .check(tenant, domain)
    .catch((error: unknown) => error)
  assert.ok(refusal instanceof StoaError)
  const [field] = refusal.fields ?? []
  assert.deepEqual([refusal.code, field?.pointer, field?.code], ['mail_sender_invalid', '/from', 'not_proven'])
  const [, name = '', value = ''] = /the TXT record (\S+) has to be (\S+)$/.exec(field?.message ?? '') ?? []
  return { name, value }
}

describe('the proof that a domain is a tenant’s own', () => {
  it('is a text in DNS, which the refusal names; it may come in pieces, and among others', async () => {
    const { name, value } = await wanted('a', 'acme.example')
    assert.equal(name, '_stoa-mail.acme.example')
    const pieces = [value.slice(0, 7), value.slice(7)]
    await dnsProof(KEY, zone({ [name]: [['v=spf1 -all'], pieces] })).check('a', 'acme.example')
  })

  it('is another one for another tenant, another domain, and another installation', async () => {
    const { name, value } = await wanted('a', 'acme.example')
    const records = zone({ [name]: [[value]], '_stoa-mail.other.example': [[value]] })
    const refused = { code: 'mail_sender_invalid' }
    await assert.rejects(dnsProof(KEY, records).check('b', 'acme.example'), refused)
    await assert.rejects(dnsProof(KEY, records).check('a', 'other.example'), refused)
    await assert.rejects(dnsProof(Buffer.alloc(32, 8), records).check('a', 'acme.example'), refused)
  })

  it('is not refused for good when DNS does not answer', async () => {
    const silent = () => Promise.reject(Object.assign(new Error('timeout'), { code: 'ETIMEOUT' }))
    await assert.rejects(dnsProof(KEY, silent).check('a', 'acme.example'), { code: 'unavailable', retryable: true })
  })
})

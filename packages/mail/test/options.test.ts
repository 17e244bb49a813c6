import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errors, isError } from '@stoa/kernel'
import {
  createFolderTransport,
  createSesTransport,
  createSmtpTransport,
  type SmtpTransportOptions,
  smtpOptionsOf,
} from '../src/index.ts'

const refused = (make: () => unknown, message: RegExp) =>
  assert.throws(make, (error) => {
    assert.ok(isError(error, errors.invalid_options), String(error))
    assert.match(error.message, message)
    assert.doesNotMatch(error.message, /hunter2/)
    return true
  })

describe('options of the transports', () => {
  it('reads SMTP from an address', () => {
    assert.deepEqual(smtpOptionsOf('smtps://me%40example.org:p%3Aw@mail.example.org'), {
      host: 'mail.example.org',
      security: 'tls',
      user: 'me@example.org',
      password: 'p:w',
    })
    assert.deepEqual(smtpOptionsOf('smtp://[::1]:2525?security=none'), { host: '::1', port: 2525, security: 'none' })
  })

  it('refuses an address that means nothing', () => {
    for (const [url, message] of [
      ['mail.example.org', /must be like/],
      ['http://mail.example.org', /must be like/],
      ['smtp://mail.example.org/box', /no path/],
      ['smtp://mail.example.org?tls=yes', /unknown parameter 'tls'/],
      ['smtp://me:hunter2%@mail.example.org', /% that encodes nothing/],
    ] as const) {
      refused(() => smtpOptionsOf(url), message)
    }
    refused(() => createSmtpTransport(smtpOptionsOf('smtp://a.example?security=maybe')), /security must be one of/)
  })

  it('sends no password in the clear, except within this machine', () => {
    const options = { host: 'mail.example.org', user: 'me', password: 'hunter2' } satisfies SmtpTransportOptions
    refused(() => createSmtpTransport({ ...options, security: 'none' }), /is not sent with security 'none'/)
    refused(() => createSmtpTransport({ ...options, security: 'opportunistic' }), /use tls or starttls/)
    createSmtpTransport({ ...options, host: '127.0.0.1', security: 'none' })
    createSmtpTransport(options)
    refused(() => createSmtpTransport({ host: 'mail.example.org', user: 'me' }), /go together/)
  })

  it('says what it does not know, and guesses what was meant', () => {
    refused(() => createSmtpTransport({ host: 'a.example', pool: 3 } as SmtpTransportOptions), /unknown option 'pool'/)
    refused(() => createFolderTransport({ folder: '' }), /folder must not be empty/)
    const credentials = () => ({ accessKeyId: 'a', secretAccessKey: 'hunter2' })
    refused(() => createSesTransport({ region: 'Frankfurt', credentials }), /a region such as/)
    refused(
      () => createSesTransport({ region: 'eu-central-1', credentials, endpoint: 'http://ses.example.org' }),
      /https/,
    )
  })
})

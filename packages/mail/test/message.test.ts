import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import { isError } from '@stoa/kernel'
import fc from 'fast-check'
import { html, type MailInput, mailErrors } from '../src/index.ts'
import { checkedMail } from '../src/message.ts'
import { mimeOf, signed } from '../src/mime.ts'
import { dkimTags, leaves, read, words } from './mime.ts'

const LIMITS = { maxRecipients: 50, maxAttachments: 20, maxBytes: 10 * 1024 * 1024 }
const letter = (over: Partial<MailInput> = {}): MailInput => ({
  to: ['ann@example.org'],
  subject: 'Hello',
  text: 'Hello Ann',
  ...over,
})
const mime = (input: MailInput) =>
  mimeOf(checkedMail(input, LIMITS, ''), {
    from: { address: 'shop@example.org', name: 'Ölshop' },
    replyTo: null,
    messageId: '<1@example.org>',
    date: new Date('2026-01-02T03:04:05Z'),
  })

/** The faults of a message, as `pointer code`. */
function faultsOf(input: unknown): string[] {
  try {
    checkedMail(input as MailInput, LIMITS, '/input')
  } catch (error) {
    assert.ok(isError(error, mailErrors.mail_invalid), String(error))
    return (error.fields ?? []).map(({ pointer, code }) => `${pointer} ${code}`)
  }
  return []
}

describe('what may be sent', () => {
  it('no header can be smuggled in, wherever a line break is put', () => {
    const evil = 'x\r\nBcc: evil@example.org'
    for (const [field, over] of Object.entries({
      '/subject': { subject: evil },
      '/to/0': { to: [`a@example.org\r\nBcc: b@example.org`] },
      '/cc/0': { cc: [{ address: 'a@example.org', name: evil }] },
      '/replyTo': { replyTo: 'a@example.org\n' },
      '/from': { from: { address: 'a@example.org', name: 'x\u2028y' } },
      '/attachments/0/filename': { attachments: [{ filename: evil, content: 'x' }] },
      '/headers/X-Note': { headers: { 'X-Note': evil } },
    })) {
      assert.deepEqual(faultsOf(letter(over)), [`/input${field} control_character`])
    }
    assert.deepEqual(faultsOf(letter({ headers: { 'X-A\r\nBcc': 'x' } })), ['/input/headers/X-A\r\nBcc not_allowed'])
    assert.deepEqual(faultsOf(letter({ inReplyTo: '<1@a>\r\nBcc: x' })), ['/input/inReplyTo bad_message_id'])
    const types = ['a/b\r\nBcc: x', 'multipart/mixed', 'message/rfc822', 'text/plain; charset=x']
    for (const contentType of types) {
      const attachments = [{ filename: 'a.txt', content: 'x', contentType }]
      assert.deepEqual(faultsOf(letter({ attachments })), ['/input/attachments/0/contentType not_allowed'])
    }
  })

  it('whatever text is given, it is refused or arrives as one header', async () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(text, text, text, async (subject, name, note) => {
        const input = letter({ subject, to: [{ address: 'ann@example.org', name }], headers: { 'X-Note': note } })
        if (faultsOf(input).length > 0) return
        const { headers } = read(await mime(input))
        assert.deepEqual([...headers.keys()].sort(), [
          'content-transfer-encoding',
          'content-type',
          'date',
          'from',
          'message-id',
          'mime-version',
          'subject',
          'to',
          'x-note',
        ])
      }),
      { numRuns: 50 },
    )
  })

  it('orders to the provider and fields of the message itself cannot be set', () => {
    for (const name of [
      'Bcc',
      'From',
      'X-SES-CONFIGURATION-SET',
      'X-Envelope-To',
      'DKIM-Signature',
      'Return-Path',
      '',
    ]) {
      assert.deepEqual(faultsOf(letter({ headers: { [name]: 'x' } })), [`/input/headers/${name} not_allowed`])
    }
  })

  it('addresses are what every server takes; anything else is a clear no', () => {
    const good = [
      'a@b.example',
      "o'neill+tag@example.org",
      'ann@bücher.example',
      'ann@例え.テスト',
      'A.B@EXAMPLE.org',
      '1@1.example',
    ]
    assert.deepEqual(faultsOf(letter({ to: good })), [])
    const checked = checkedMail(letter({ to: ['Ann@BÜCHER.example'] }), LIMITS, '')
    assert.equal(checked.recipients[0]?.address, 'Ann@xn--bcher-kva.example')
    for (const [address, code] of [
      ['', 'required'],
      [null, 'required'],
      [{}, 'required'],
      ['ann', 'bad_address'],
      ['@example.org', 'bad_address'],
      ['ann@', 'bad_address'],
      ['ann@localhost', 'bad_address'],
      ['ann@127.0.0.1', 'bad_address'],
      ['ann@[127.0.0.1]', 'bad_address'],
      ['ann@example.org.', 'bad_address'],
      ['ann@-a.example', 'bad_address'],
      ['ann@exa%6dple.org', 'bad_address'],
      ['ann@exam ple.org', 'bad_address'],
      ['ann@example.org>', 'bad_address'],
      ['Ann <ann@example.org>', 'bad_address'],
      ['a@b@example.org', 'bad_address'],
      ['.ann@example.org', 'bad_address'],
      ['a..b@example.org', 'bad_address'],
      ['"a b"@example.org', 'bad_address'],
      ['анна@example.org', 'not_supported'],
      ['ann\0@example.org', 'control_character'],
      [`${'a'.repeat(65)}@example.org`, 'too_long'],
      [`a@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(60)}.example.org`, 'too_long'],
      ['x'.repeat(1_000_000), 'too_long'],
    ] as const) {
      assert.deepEqual(
        faultsOf(letter({ to: [address as string] })),
        [`/input/to/0 ${code}`],
        String(address).slice(0, 80),
      )
    }
  })

  it('ten thousand receivers are one fault, found at once', () => {
    const to = Array.from({ length: 10_000 }, (_, n) => `bad address ${n}`)
    assert.deepEqual(faultsOf(letter({ to })), ['/input/to too_many'])
    assert.equal(faultsOf(letter({ to: Array.from({ length: 50 }, () => 'bad') })).length, 20)
    const spread = Array.from({ length: 17 }, (_, n) => `${n}@example.org`)
    assert.deepEqual(faultsOf(letter({ to: spread, cc: spread, bcc: spread })), ['/input/to too_many'])
    assert.deepEqual(faultsOf(letter({ to: [] })), ['/input/to required'])
    assert.deepEqual(faultsOf(letter({ to: 'ann@example.org' as never })), ['/input/to wrong_type'])
  })

  it('everybody gets it once, however often and in whatever case the address stands there', () => {
    const to = ['ann@example.org', 'ANN@example.org']
    const { recipients } = checkedMail(letter({ to, cc: ['ann@EXAMPLE.org', 'b@example.org'], bcc: to }), LIMITS, '')
    assert.deepEqual(recipients, [
      { address: 'ann@example.org', kind: 'to' },
      { address: 'b@example.org', kind: 'cc' },
    ])
  })

  it('NUL, broken characters, too much and too little are told together', () => {
    const input = { to: ['ann@example.org'], subject: '', text: 'a\0b', html: 'x\ud800', attachments: 'x' }
    assert.deepEqual(faultsOf(input), [
      '/input/html control_character',
      '/input/subject required',
      '/input/text control_character',
      '/input/attachments wrong_type',
    ])
    assert.deepEqual(faultsOf({ to: ['ann@example.org'], subject: 'x'.repeat(501) }), [
      '/input/subject too_long',
      '/input/text required',
    ])
    assert.deepEqual(faultsOf(letter({ text: 'x'.repeat(1_000_001) })), ['/input/text too_long'])
  })

  it('attachments have limits: count, bytes as they are sent, names without a path', () => {
    const file = (size: number, filename = 'a.bin') => ({ filename, content: Buffer.alloc(size) })
    assert.deepEqual(faultsOf(letter({ attachments: Array.from({ length: 21 }, () => file(1)) })), [
      '/input/attachments too_many',
    ])
    assert.deepEqual(faultsOf(letter({ attachments: [file(7_000_000)] })), [])
    assert.deepEqual(faultsOf(letter({ attachments: [file(4_000_000), file(4_000_000)] })), [
      '/input/attachments too_large',
    ])
    for (const name of ['../a', 'a\\b', '/etc/passwd', '..', '']) {
      assert.deepEqual(faultsOf(letter({ attachments: [file(1, name)] })), [
        '/input/attachments/0/filename not_allowed',
      ])
    }
    assert.deepEqual(faultsOf(letter({ attachments: [{ filename: 'a', content: 5 as never }] })), [
      '/input/attachments/0/content wrong_type',
    ])
  })
})

describe('a message as bytes', () => {
  it('has text beside HTML always, files below and pictures inside', async () => {
    const content = await mime(
      letter({
        to: [{ address: 'ann@bücher.example', name: 'Änn, "B"' }],
        cc: ['b@example.org'],
        bcc: ['hidden@example.org'],
        subject: 'Grüße 🏛',
        text: undefined,
        html: html`<p>Hello <b>${'<Ann>'}</b><img src="cid:logo"></p>`,
        attachments: [
          { filename: 'Rechnung für Sie.pdf', content: Buffer.from([0, 1, 2, 255]) },
          { filename: 'logo.png', content: 'png', cid: 'logo' },
        ],
      }),
    )
    assert.equal(content.includes('hidden'), false)
    const message = read(content)
    const header = (name: string) => words(message.headers.get(name))
    assert.equal(header('subject'), 'Grüße 🏛')
    assert.equal(header('from'), 'Ölshop <shop@example.org>')
    assert.match(header('to'), /Änn, "B".*<ann@xn--bcher-kva\.example>/)
    assert.equal(header('message-id'), '<1@example.org>')
    assert.equal(header('date'), 'Fri, 02 Jan 2026 03:04:05 +0000')
    const types = leaves(message).map(({ headers }) => headers.get('content-type')?.replace(/;.*/, ''))
    assert.deepEqual(types, ['text/plain', 'text/html', 'image/png', 'application/pdf'])
    const [text, markup] = leaves(message)
    assert.equal(text?.body.trim(), 'Hello <Ann>')
    assert.equal(markup?.body.trim(), '<p>Hello <b>&lt;Ann&gt;</b><img src="cid:logo"></p>')
    for (const line of content.toString('latin1').split('\r\n')) {
      assert.ok(line.length <= 998 && !/[\r\n\0]/.test(line), 'lines as SMTP wants them')
    }
  })

  it('says how to unsubscribe, by one click where there is an address for it', async () => {
    const fields = async (unsubscribe: NonNullable<MailInput['unsubscribe']>) => {
      const { headers } = read(await mime(letter({ unsubscribe })))
      return [headers.get('list-unsubscribe'), headers.get('list-unsubscribe-post')]
    }
    assert.deepEqual(await fields({ url: 'https://a.example/u?t=1,2', mailto: 'leave+1@a.example' }), [
      '<https://a.example/u?t=1%2C2>, <mailto:leave+1@a.example>',
      'List-Unsubscribe=One-Click',
    ])
    assert.deepEqual(await fields({ mailto: 'leave@a.example' }), ['<mailto:leave@a.example>', undefined])
    assert.deepEqual(faultsOf(letter({ unsubscribe: { url: 'http://a.example' } })), [
      '/input/unsubscribe/url not_allowed',
    ])
    assert.deepEqual(faultsOf(letter({ unsubscribe: {} })), ['/input/unsubscribe required'])
  })

  it('keeps the conversation together', async () => {
    const { headers } = read(
      await mime(letter({ inReplyTo: '<2@a.example>', references: ['<1@a.example>', '<2@a.example>'] })),
    )
    assert.equal(headers.get('in-reply-to'), '<2@a.example>')
    assert.equal(headers.get('references'), '<1@a.example> <2@a.example>')
  })

  it('reads no file and asks no address, whatever stands in it', async () => {
    const content = await mime(letter({ html: '<img src="file:///etc/passwd"><img src="http://127.0.0.1:1/x">' }))
    assert.equal(content.includes('root:'), false)
  })

  it('is signed so that receivers can check it, headers of the list included', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const key = {
      domain: 'example.org',
      selector: 's1',
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    }
    const unsubscribe = { url: 'https://a.example/u' }
    const content = await mime(letter({ unsubscribe, text: 'Ünï\n.\n\ttabs  and blanks  \n\n' }))
    const tags = dkimTags(await signed(content, key, []), publicKey)
    assert.equal(tags.get('d'), 'example.org')
    assert.equal(tags.get('s'), 's1')
    const fields = tags.get('h')?.toLowerCase().split(':') ?? []
    for (const name of ['from', 'subject', 'message-id', 'list-unsubscribe', 'list-unsubscribe-post']) {
      assert.ok(fields.includes(name), name)
    }
    const replaced = await signed(content, key, ['message-id', 'date'])
    const changed = Buffer.from(replaced.toString('latin1').replace('<1@example.org>', '<other@ses>'), 'latin1')
    assert.equal(dkimTags(changed, publicKey).get('h')?.toLowerCase().includes('message-id'), false)
  })
})

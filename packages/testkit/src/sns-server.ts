import { createSign } from 'node:crypto'
import { once } from 'node:events'
import { Agent, type AgentOptions, createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:tls'
import { newId } from '@stoa/kernel'
import { type Certificate, makeCertificate } from './certificates.ts'

export const SNS_REGION = 'eu-central-1'
export const SNS_TOPIC = `arn:aws:sns:${SNS_REGION}:123456789012:mail-feedback`
const HOST = `sns.${SNS_REGION}.amazonaws.com`

/** SNS in this process: an authority of its own, its HTTPS server, and messages that it signs. */
export interface TestSns extends AsyncDisposable {
  /** Trusts the authority, and finds Amazon here. */
  readonly agent: Agent
  /** `GET path`, in the order in which they came. */
  readonly asked: readonly string[]
  /** What the server answers, by path. */
  readonly answers: Map<string, { readonly status: number; readonly body: string }>
  readonly signer: Certificate
  /** A message, signed; `over` changes it before, `after` behind the signature. */
  message(over?: Fields, after?: Fields, signer?: Certificate): string
}

type Fields = Readonly<Record<string, unknown>>

export const CERTIFICATE_URL = `https://${HOST}/SimpleNotificationService-0123abcd.pem`

export async function startSns(): Promise<TestSns> {
  const authority = makeCertificate({ name: 'Test Root' })
  const site = makeCertificate({ name: HOST, dnsNames: [HOST], issuer: authority })
  const signer = makeCertificate({ name: 'sns.amazonaws.com', issuer: authority })
  const asked: string[] = []
  const answers = new Map([['/SimpleNotificationService-0123abcd.pem', { status: 200, body: signer.cert }]])
  const server = createServer({ key: site.key, cert: site.cert }, ({ method, url = '' }, response) => {
    asked.push(`${method} ${url}`)
    const { status, body } = answers.get(url.replace(/\?.*/, '')) ?? { status: 404, body: '' }
    response.writeHead(status).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // Nobody stays because of it: who asks holds the connection.
  server.unref()
  const { port } = server.address() as AddressInfo
  const agent = new LocalAgent({ ca: authority.cert }, port)
  return {
    agent,
    asked,
    answers,
    signer,
    message: (over = {}, after = {}, by = signer) => JSON.stringify({ ...sign(by, over), ...after }),
    async [Symbol.asyncDispose]() {
      agent.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

class LocalAgent extends Agent {
  readonly #port: number

  constructor(options: AgentOptions, port: number) {
    super(options)
    this.#port = port
  }

  override createConnection(options: { readonly servername?: string; readonly ca?: string }): Socket {
    const { servername, ca } = options
    return connect({ host: '127.0.0.1', port: this.#port, ...(servername && { servername }), ...(ca && { ca }) })
  }
}

/** As SNS documents it, and told apart from how the package does it: by a list of pairs. */
function sign(signer: Certificate, over: Fields): Fields {
  const fields: Record<string, unknown> = {
    Type: 'Notification',
    MessageId: newId(),
    TopicArn: SNS_TOPIC,
    Message: '{}',
    Timestamp: '2026-01-02T03:04:05.678Z',
    SignatureVersion: '2',
    SigningCertURL: CERTIFICATE_URL,
    ...over,
  }
  if (fields.Type !== 'Notification') {
    fields.Token ??= '2336412f37'
    fields.SubscribeURL ??= `https://${HOST}/?Action=ConfirmSubscription&TopicArn=${fields.TopicArn}&Token=2336412f37`
  }
  const names = ['Message', 'MessageId', 'Subject', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
  const text = names.filter((name) => fields[name] !== undefined).map((name) => `${name}\n${fields[name]}\n`)
  const hash = fields.SignatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256'
  return { ...fields, Signature: createSign(hash).update(text.join('')).sign(signer.privateKey, 'base64') }
}

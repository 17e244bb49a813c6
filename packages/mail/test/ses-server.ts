import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What SES took. */
interface SesMessage {
  readonly from: string
  readonly to: readonly string[]
  readonly content: Buffer
  readonly tags: Readonly<Record<string, string>>
  readonly configurationSet: string | undefined
}

/** How the provider misbehaves. */
interface SesAnswer {
  readonly status: number
  readonly type?: string
  readonly message?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A server that takes what SES takes, and only with a signature that is right. */
export interface TestSesServer extends AsyncDisposable {
  readonly endpoint: string
  readonly taken: readonly SesMessage[]
  /** What it does with the next requests; null: as it should. */
  next: SesAnswer | 'hang' | 'drop' | 'nonsense' | null
  /** Requests that hang now. */
  readonly hanging: number
}

export const SES_KEYS = { accessKeyId: 'AKIATEST', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG', sessionToken: 'a token' }
export const SES_REGION = 'eu-central-1'

export async function startSesServer(): Promise<TestSesServer> {
  const taken: SesMessage[] = []
  const state: { next: TestSesServer['next']; hanging: number } = { next: null, hanging: 0 }
  const server = createServer(async (request, response) => {
    const body = await readAll(request)
    const { next } = state
    if (next === 'drop') return request.socket.destroy()
    if (next === 'hang') {
      state.hanging++
      response.on('close', () => state.hanging--)
      return
    }
    if (next === 'nonsense') return response.end('<html>')
    if (next !== null) return refuse(response, next)
    const fault = signatureFault(request, body)
    if (fault !== null) return refuse(response, { status: 403, type: 'InvalidSignatureException', message: fault })
    if (request.method === 'GET') return response.end('{"SendingEnabled":true}')
    const { FromEmailAddress, Destination, Content, EmailTags, ConfigurationSetName } = JSON.parse(body.toString())
    taken.push({
      from: FromEmailAddress,
      to: Destination.ToAddresses,
      content: Buffer.from(Content.Raw.Data, 'base64'),
      tags: Object.fromEntries(EmailTags.map((tag: { Name: string; Value: string }) => [tag.Name, tag.Value])),
      configurationSet: ConfigurationSetName,
    })
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ MessageId: `0102-${taken.length}` }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    get next() {
      return state.next
    },
    set next(next) {
      state.next = next
    },
    get hanging() {
      return state.hanging
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function refuse(response: ServerResponse, { status, type, message = 'no', headers = {} }: SesAnswer): void {
  response.writeHead(status, { ...(type && { 'x-amzn-errortype': `${type}:http://internal.amazon.com/` }), ...headers })
  response.end(JSON.stringify({ message }))
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest('hex')
const hmac = (key: Buffer | string, data: string) => createHmac('sha256', key).update(data).digest()

/** Why a request is not signed as AWS wants it (Signature Version 4), or null. */
function signatureFault(request: IncomingMessage, body: Buffer): string | null {
  const { headers, method, url = '' } = request
  if (!['POST /v2/email/outbound-emails', 'GET /v2/email/account'].includes(`${method} ${url}`))
    return `no operation ${method} ${url}`
  if (headers['x-amz-security-token'] !== SES_KEYS.sessionToken) return 'the session token is wrong'
  const date = String(headers['x-amz-date'])
  if (Math.abs(Date.parse(date.replace(/^(....)(..)(..T..)(..)/, '$1-$2-$3:$4:')) - Date.now()) > 300_000) return 'old'
  const scope = `${date.slice(0, 8)}/${SES_REGION}/ses/aws4_request`
  const pattern = /^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/
  const [, credential, signedHeaders = '', signature] = pattern.exec(String(headers.authorization)) ?? []
  if (credential !== `${SES_KEYS.accessKeyId}/${scope}`) return 'the credential is wrong'
  const names = signedHeaders.split(';')
  if (!['host', 'x-amz-date', 'x-amz-security-token'].every((name) => names.includes(name)))
    return 'too little is signed'
  const lines = names.map((name) => `${name}:${String(headers[name]).trim()}\n`).join('')
  const canonical = [method, url, '', lines, signedHeaders, sha256(body)].join('\n')
  const key = ['aws4_request', 'ses', SES_REGION, date.slice(0, 8)].reduceRight<Buffer | string>(
    (from, part) => hmac(from, part),
    `AWS4${SES_KEYS.secretAccessKey}`,
  )
  const wanted = hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString('hex')
  return signature === wanted ? null : 'the signature does not match'
}

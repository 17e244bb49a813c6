import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startSmtpServer, type Taken } from '@stoa/testkit'
import {
  createFolderTransport,
  createSesTransport,
  createSmtpTransport,
  type DeliveryFault,
  type MailTransport,
} from '../src/index.ts'
import { SES_KEYS, SES_REGION, startSesServer } from './ses-server.ts'

/** A way in which a provider fails, and what is made of it. */
interface Failing {
  readonly fault: DeliveryFault
  begin(): void | Promise<void>
}

/** An engine with its provider. */
export interface Carrier extends AsyncDisposable {
  readonly transport: MailTransport
  /** What arrived, in no order. */
  taken(): Promise<readonly Taken[]>
  /** By name. */
  readonly failures: Readonly<Record<string, Failing>>
  /** The provider is well again. */
  recover(): void | Promise<void>
}

/** Every engine, by its name. */
export const carriers: Readonly<Record<string, () => Promise<Carrier>>> = {
  folder: folderCarrier,
  smtp: smtpCarrier,
  ses: sesCarrier,
}

async function folderCarrier(): Promise<Carrier> {
  const parent = await mkdtemp(join(tmpdir(), 'stoa-mail-'))
  const folder = join(parent, 'mail')
  const read = async (name: string): Promise<Taken> => {
    const file = await readFile(join(folder, name))
    const [, envelope = ''] = /^((?:X-Envelope-[^\r]*\r\n)*)/.exec(file.toString('latin1')) ?? []
    const addresses = (field: string) => [...envelope.matchAll(new RegExp(`${field}: <(.*)>`, 'g'))].map(([, a]) => a)
    return {
      from: String(addresses('From')[0]),
      to: addresses('To').map(String),
      content: file.subarray(envelope.length),
    }
  }
  return {
    transport: createFolderTransport({ folder }),
    taken: async () => Promise.all((await readdir(folder).catch(() => [])).map(read)),
    failures: {
      'the folder cannot be made': {
        fault: 'unreachable',
        async begin() {
          await rm(folder, { recursive: true, force: true })
          await writeFile(folder, 'a file is in the way')
        },
      },
    },
    recover: () => rm(folder, { recursive: true, force: true }),
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }),
  }
}

async function smtpCarrier(): Promise<Carrier> {
  const server = await startSmtpServer()
  const { manners, port } = server
  const options = { host: '127.0.0.1', port, security: 'none' } as const
  const transport = createSmtpTransport(options)
  const failing = (fault: DeliveryFault, how: () => void): Failing => ({ fault, begin: how })
  return {
    transport,
    taken: async () => server.taken,
    failures: {
      'refuses the message': failing('refused', () => {
        manners.onMessage = () => '554 5.6.0 no such thing here'
      }),
      'takes it later': failing('deferred', () => {
        manners.onMessage = () => '451 4.3.0 come back'
      }),
      'refuses the sender for now': failing('deferred', () => {
        manners.onSender = () => '450 4.7.1 slowly'
      }),
      'goes down': failing('unreachable', () => {
        manners.onSender = () => '421 4.3.2 going down'
      }),
      'refuses the connection': failing('unreachable', () => {
        server.dropConnections()
        manners.onConnect = () => '554 5.7.1 not you'
      }),
      'drops the connection in the middle': failing('unreachable', () => {
        manners.onMessage = () => {
          server.dropConnections()
          return '451 nobody hears this'
        }
      }),
    },
    recover() {
      for (const name of Object.keys(manners)) manners[name as keyof typeof manners] = undefined
    },
    async [Symbol.asyncDispose]() {
      await transport[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

async function sesCarrier(): Promise<Carrier> {
  const server = await startSesServer()
  const transport = createSesTransport({
    region: SES_REGION,
    credentials: () => SES_KEYS,
    endpoint: server.endpoint,
    configurationSet: 'stoa',
  })
  const failing = (fault: DeliveryFault, next: NonNullable<typeof server.next>): Failing => ({
    fault,
    begin() {
      server.next = next
    },
  })
  return {
    transport,
    taken: async () => server.taken,
    failures: {
      'refuses the message': failing('refused', { status: 400, type: 'MessageRejected', message: 'a virus' }),
      'throttles with 429': failing('throttled', { status: 429, type: 'TooManyRequestsException' }),
      'throttles with 400': failing('throttled', { status: 400, type: 'Throttling', message: 'Maximum sending rate' }),
      'pauses the account': failing('misconfigured', { status: 400, type: 'SendingPausedException' }),
      'does not know the sender': failing('misconfigured', {
        status: 400,
        type: 'MessageRejected',
        message: 'Email address is not verified.',
      }),
      'refuses the keys': failing('misconfigured', { status: 403, type: 'ExpiredTokenException' }),
      'fails with 500': failing('unreachable', { status: 500, type: 'InternalServiceErrorException' }),
      'fails with 503 and no JSON': failing('unreachable', { status: 503, headers: { 'content-type': 'text/html' } }),
      'sends elsewhere': failing('unreachable', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }),
      'drops the connection': failing('unreachable', 'drop'),
      'answers nonsense': failing('unreachable', 'nonsense'),
    },
    recover() {
      server.next = null
    },
    async [Symbol.asyncDispose]() {
      await transport[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

/*
 * The whole program in this process, on a database of its own, with three tenants. It has a host for short links, so
 * that every operation there can be is there, and believes a proxy, so that a test can name that host and come from as
 * many addresses as it likes. Amazon, which tells of bounces, is a server in this process.
 */
import { Agent, type AgentOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import { systemClock } from '@stoa/kernel'
import { createLogger } from '@stoa/telemetry'
import { type Engine, SNS_TOPIC, type Suite, startSns, startSuite, TestClient, type TestSns } from '@stoa/testkit'
import { type Stoa, startStoa } from '../src/compose.ts'
import { configOf } from '../src/config/config.ts'
import { readEnvironment } from '../src/config/env.ts'
import { migrationSets } from '../src/manifest.ts'

/**
 * What is decided before any database is asked is tried for every operation on this engine; on the others it would be
 * the same once more.
 */
export const FORM_ON: Engine = 'postgres'

/** The host of short links in {@link startProgram}. */
export const SHORT_HOST = 's.example'

/** The texts in DNS that prove hosts of tenants, by their names. */
export const zone = new Map<string, string>()

async function txtRecords(name: string): Promise<string[][]> {
  return [[zone.get(name) ?? '']]
}

let sns: Promise<TestSns> | undefined

/** Amazon SNS. Few tests need it, and it makes certificates first. */
export function snsServer(): Promise<TestSns> {
  sns ??= startSns()
  return sns
}

/** Finds Amazon at {@link snsServer}. */
class AmazonAgent extends Agent {
  override createConnection(
    options: AgentOptions,
    connected: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    snsServer().then(
      ({ agent }) => connected(null, agent.createConnection({ ...options, ...agent.options }) as Duplex),
      (error) => connected(error, null as never),
    )
  }
}

/** A machine that is busy with other tests is no reason to refuse a request. */
const PATIENT = { maxEventLoopDelayMs: 0 }

/** Starts the program. */
export function startProgram(engine: Engine, settings: Readonly<Record<string, string>> = {}): Promise<Suite<Stoa>> {
  return startSuite({
    engine,
    sets: migrationSets,
    name: 'program',
    async start({ dataDir, databaseUrl }) {
      const env = {
        STOA_DATA: dataDir,
        PORT: '0',
        STOA_SHORT_HOST: SHORT_HOST,
        STOA_TRUSTED_PROXIES: '127.0.0.1',
        STOA_LOG_LEVEL: 'silent',
        // What a test sees of a task is what it did to it.
        STOA_WORK: 'false',
        // No name server is asked.
        STOA_MAIL_SENDER_PROOF: 'none',
        STOA_LINKS_DOMAINS: '10000',
        STOA_ISSUER_HOSTS: '100',
        STOA_MAIL_SES_TOPICS: SNS_TOPIC,
        ...(databaseUrl !== null && { DATABASE_URL: databaseUrl }),
        ...settings,
      }
      const config = configOf(readEnvironment(env), {}, false)
      const { identity, links, mail } = config.rooms
      const rooms = {
        ...config.rooms,
        identity: { ...identity, txtRecords },
        links: { ...links, txtRecords, reportBurst: 100_000 },
        mail: { ...mail, sesAgent: new AmazonAgent() },
      }
      return await startStoa(
        { ...config, rooms, http: { ...config.http, ...PATIENT } },
        { log: createLogger({ level: 'silent' }), clock: systemClock },
      )
    },
  })
}

/** The document that the program shows. */
export async function documentOf({ program }: Suite<Stoa>): Promise<object> {
  return (await new TestClient(program.url, null).got<object>('/openapi.json')).body
}

let addresses = 0

/** A header with which a request comes from an address that nobody came from before. */
export function newAddress(): Record<string, string> {
  addresses += 1
  return { 'x-forwarded-for': `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}` }
}

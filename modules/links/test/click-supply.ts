import { randomInt } from 'node:crypto'
import { type Ctx, silentLogger, systemCtx, type Tenant, tenantCtx } from '@stoa/kernel'
import { ClickDetailsFinder } from '../src/analytics/click-details.ts'
import { Places } from '../src/analytics/geo.ts'
import { Agent } from '../src/analytics/visitor-agent.ts'
import { VisitorSalts } from '../src/analytics/visitor-salts.ts'
import { uuidBytes } from '../src/clicks/click-encoding.ts'
import { insertClicks } from '../src/clicks/click-store.ts'
import type { Click } from '../src/clicks/clicks.ts'
import type { Place } from './setup.ts'

/** What a test says of a click. */
export type WantedClick = Partial<Omit<Click, 'agent' | 'at' | 'link' | 'number' | 'tenant'>> & {
  readonly at: number
  readonly agent?: string
}

export const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'
export const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'
export const GOOGLEBOT = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'

/** Addresses of these tests and where they are. */
const atlas: Readonly<Record<string, object>> = {
  '198.51.100.1': { country_code: 'IN', state1: 'Maharashtra', city: 'Mumbai' },
  '198.51.100.2': { country_code: 'IN', state1: 'Karnataka', city: 'Bengaluru' },
  '198.51.100.3': { country_code: 'DE', state1: 'Berlin', city: 'Berlin' },
}

const testGeo = () => new Places([{ metadata: { ipVersion: 4 }, get: (address) => atlas[address] ?? null }])

let number = randomInt(2 ** 30)

/** Writes clicks on a link as the room does, by one statement. */
export async function writeClicks(
  suite: Place['suite'],
  tenant: Tenant,
  linkId: string,
  wanted: readonly WantedClick[],
): Promise<void> {
  if (wanted.length === 0) return
  const { db, clock } = suite
  const base = systemCtx({ log: silentLogger, clock }, 'test')
  const agents = new Map(wanted.map(({ agent = FIREFOX }) => [agent, new Agent(agent)]))
  const clicks = wanted.map(({ agent = FIREFOX, ...rest }) => ({
    ...{ referrerHost: null, language: null, address: null, ...rest },
    ...{ number: number++, tenant, link: uuidBytes(linkId), agent: agents.get(agent) as Agent },
  }))
  const details = await new ClickDetailsFinder(testGeo(), new VisitorSalts(db, base)).find(clicks)
  const ctx: Ctx = tenantCtx(base, tenant)
  await db.transaction(ctx, (tx) => insertClicks(tx, tenant.id, clicks, details, randomInt(2 ** 47)))
}

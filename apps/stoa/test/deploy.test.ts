import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parseEnv } from 'node:util'
import { configOf } from '../src/config/config.ts'
import { type Env, readEnvironment } from '../src/config/env.ts'

const REPOSITORY = join(import.meta.dirname, '../../..')
const deploy = (name: string) => readFileSync(join(REPOSITORY, 'deploy', name), 'utf8')

interface Document {
  readonly paths: Readonly<Record<string, unknown>>
}

/** What people put into the places that are left to them. */
const FILLED = { DATABASE_PASSWORD: 'ab12', STOA_SECRET: 'a secret that is long enough to be one', DOMAIN: 'a.example' }

function composeSettings(): Env {
  const [, block = ''] =
    /^x-stoa:.*\n {2}image: .*\n {2}environment:\n((?: {4}.*\n)+)/m.exec(deploy('compose.yml')) ?? []
  const lines = [...block.matchAll(/^ {4}([A-Z_]+): (.*)$/gm)]
  const filled = (text: string) => text.replace(/\$\{(\w+):\?\}/g, (_, name: keyof typeof FILLED) => FILLED[name])
  return Object.fromEntries(lines.map(([, name = '', value = '']) => [name, filled(value)]))
}

function imageSettings(): Env {
  const [, line = ''] = /^ENV (.*)$/m.exec(deploy('Dockerfile')) ?? []
  return Object.fromEntries(line.split(' ').map((pair) => pair.split('=') as [string, string]))
}

/** What the examples set for `STOA_DRAIN_*`, which is nothing, and what closing takes beyond. */
function drainSeconds({ drainDelayMs, drainTimeoutMs }: { drainDelayMs: number; drainTimeoutMs: number }): number {
  return (drainDelayMs + drainTimeoutMs + 5_000) / 1_000
}

describe('the examples of deploy/', () => {
  it('set what there is to set, for systemd', () => {
    const env = { ...parseEnv(deploy('stoa.env')), STOA_SECRET: FILLED.STOA_SECRET }
    const { database, dataDir, http, publicUrl } = configOf(readEnvironment(env), {}, false)
    assert.deepEqual([dataDir, publicUrl], ['/var/lib/stoa', 'https://stoa.example.org'])
    assert.ok(database !== null && http.trustedProxies.length > 0 && http.hstsSeconds > 0)
    const [, seconds = ''] = /^TimeoutStopSec=(\d+)$/m.exec(deploy('stoa.service')) ?? []
    assert.ok(Number(seconds) > drainSeconds(http))
  })

  it('set what there is to set, for containers', () => {
    const { host, ...http } = configOf(readEnvironment({ ...imageSettings(), ...composeSettings() }), {}, false).http
    assert.equal(host, '0.0.0.0')
    assert.equal(http.trustedProxies.length, 1)
    assert.ok(deploy('compose.yml').includes(`subnet: ${http.trustedProxies[0]}`))
    const [, seconds = ''] = /stop_grace_period: (\d+)s/.exec(deploy('compose.yml')) ?? []
    assert.ok(Number(seconds) > drainSeconds(http))
  })

  it('have Caddy ask at an address that there is, and keep that and the metrics from the outside', () => {
    const caddyfile = deploy('Caddyfile')
    const paths = Object.keys(
      (JSON.parse(readFileSync(join(REPOSITORY, 'openapi/stoa.json'), 'utf8')) as Document).paths,
    )
    const [, asked = ''] = /^\t+ask http:\/\/\{\$UPSTREAM:127\.0\.0\.1:3000\}(\/\S+)$/m.exec(caddyfile) ?? []
    assert.ok(paths.includes(asked), asked)
    for (const path of [asked, '/metrics']) assert.match(caddyfile, new RegExp(`^\\trespond ${path} 404$`, 'm'))
  })

  it('start a program that is there', () => {
    for (const name of ['Dockerfile', 'stoa.service']) {
      const [path = ''] = /apps\/stoa\/\S+?\.js/.exec(deploy(name)) ?? []
      assert.ok(existsSync(join(REPOSITORY, path)), `${name}: ${path}`)
    }
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Engine, engines, eventually } from '@stoa/testkit'
import { type Installation, newInstallation, type Up } from './program.ts'
import { refused } from './refusal.ts'

interface Link {
  readonly id: string
  readonly shortUrl: string
}

/** A command that works. @returns the lines that it printed */
async function done(installation: Installation, ...words: string[]): Promise<string[]> {
  const { code, stderr, stdout } = await installation.call(words)
  assert.equal(code, 0, stderr)
  return stdout.split('\n').slice(0, -1)
}

/** A new key. @returns it, and its id */
async function keyOf(installation: Installation, tenant: string): Promise<{ id: string; key: string }> {
  const words = ['key', 'create', '--tenant', tenant, '--name', 'owner', '--scope', '*', '--expires', '30']
  const { code, stderr, stdout } = await installation.run(words)
  assert.equal(code, 0, stderr)
  // A script reads the key and nothing else.
  assert.match(stdout, /^stoa_[0-9A-Za-z]{16}_[0-9A-Za-z]{32}\n$/)
  const [, id = ''] = /The key ([0-9a-f-]{36}) of acme; it is shown this once:\n/.exec(stderr) ?? []
  return { id, key: stdout.trim() }
}

/** The links room, as one tenant has it and another does not see it. */
async function worksApart(up: Up, key: string): Promise<void> {
  const [acme, demo] = [up.client(key), up.client()]
  const { body: link } = await acme.created<Link>('/api/v1/links', { target: 'https://example.com/acme' })
  await demo.created<Link>('/api/v1/links', { target: 'https://example.com/demo' })
  const browser = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' }
  const followed = await up.client(null).send('GET', new URL(link.shortUrl).pathname, { headers: browser })
  assert.deepEqual([followed.status, followed.headers.get('location')], [302, 'https://example.com/acme'])
  await eventually(
    () => acme.got<{ total: { clicks: number } }>(`/api/v1/links/${link.id}/clicks`),
    ({ body }) => body.total.clicks === 1,
  )
  await eventually(
    () => acme.got<{ data: unknown[] }>(`/api/v1/audit?subject=link:${link.id}`),
    ({ body }) => body.data.length === 1,
  )

  const { body: theirs } = await demo.got<{ data: { target: string }[] }>('/api/v1/links')
  assert.deepEqual(
    theirs.data.map(({ target }) => target),
    ['https://example.com/demo'],
  )
  for (const path of ['', '/clicks']) {
    assert.equal((await demo.send('GET', `/api/v1/links/${link.id}${path}`)).status, 404)
  }
  const { body: trail } = await demo.got<{ data: unknown[] }>(`/api/v1/audit?subject=link:${link.id}`)
  assert.deepEqual(trail.data, [])
}

/** Links that do harm, by commands beside the running program; PGlite is the program's alone. */
async function takesDown(
  installation: Installation,
  up: Up,
  { engine, key }: { readonly engine: Engine; readonly key: string },
): Promise<void> {
  const acme = up.client(key)
  const { body: link } = await acme.created<Link>('/api/v1/links', { target: 'https://example.com/harm' })
  const path = new URL(link.shortUrl).pathname
  const status = async () => (await up.client(null).send('GET', path)).status
  const words = ['links', 'takedown', path, '--reason', 'phishing', '--note', 'It asks for passwords.', '--by', 'Ada']
  assert.equal(await status(), 302)
  if (engine === 'pglite') {
    refused(await installation.call(words), /is in use by the process \d+\. Stop that process.* by the API \(\/docs\)/)
    return
  }
  const leads = 'of acme, which leads to https://example.com/harm: phishing.'
  assert.match((await done(installation, ...words)).join(), new RegExp(`^Took down \\S+${path} ${leads}$`))
  await eventually(async () => (await status()) === 410)
  assert.match((await done(installation, ...words)).join(), /^It is down already: /)
  assert.match((await done(installation, 'links', 'takedowns')).join(), new RegExp(`Z {2}phishing {2}acme .*${path} `))
  const [shown] = (await done(installation, 'links', 'takedowns', '--json')).map((line) => JSON.parse(line))
  assert.deepEqual([shown.id, shown.note], [link.id, 'It asks for passwords.'])
  assert.deepEqual(await done(installation, 'links', 'reports'), [])
  assert.match((await done(installation, 'links', 'restore', path, '--by=Bob')).join(), /^Put back \S+ of acme\.$/)
  await eventually(async () => (await status()) === 302)
  assert.match((await done(installation, 'links', 'restore', path)).join(), /^It is not down: /)
  const trail = await acme.got<{ data: { actor: { id: string } }[] }>(`/api/v1/audit?subject=link:${link.id}`)
  const actors = trail.body.data.map(({ actor }) => actor.id)
  assert.deepEqual(actors.slice(0, 2), ['command line (Bob)', 'command line (Ada)'])
}

for (const engine of engines) {
  describe(`a tenant with a schema of its own on ${engine}`, () => {
    it('is made by two commands, has the links room for itself, and loses its key by a third', async () => {
      await using installation = await newInstallation(engine)
      assert.equal(await (await installation.up()).stop(), 0)
      const words = ['tenant', 'create', 'acme', '--placement', 'schema', '--name', 'Acme GmbH']
      const [created, next] = await done(installation, ...words)
      assert.match(created as string, /^Created the tenant 'acme' \([0-9a-f-]{36}\) in the schema stoa_t_acme\.$/)
      assert.equal(next, "Its first key: npx stoa key create --tenant acme --name owner --scope '*'")
      const { id, key } = await keyOf(installation, 'acme')

      let up = await installation.up()
      assert.equal(up.key, null)
      await worksApart(up, key)
      await takesDown(installation, up, { engine, key })
      // PGlite has one holder: there the commands wait until the program has stopped. On PostgreSQL they run beside it.
      if (engine === 'pglite') assert.equal(await up.stop(), 0)
      const counts =
        'select (select count(*) from stoa_t_acme.links) as acme, (select count(*) from stoa_pool.links) as pool'
      assert.deepEqual(await installation.admin((session) => session.query(counts)), [{ acme: 2, pool: 1 }])
      assert.deepEqual(await done(installation, 'key', 'revoke', '--tenant', 'acme', id), [`Revoked ${id}.`])
      if (engine === 'pglite') up = await installation.up()
      await eventually(
        () => up.client(key).send('GET', '/api/v1/links'),
        ({ status }) => status === 401,
      )
      await up.client().got('/api/v1/links')
      assert.equal(await up.stop(), 0)
    })
  })
}

// What follows is the same on PGlite, where each command opens the database anew and takes longer.
describe('the commands', () => {
  let installation: Installation
  before(async () => {
    installation = await newInstallation('postgres', { empty: true })
  })
  after(() => installation[Symbol.asyncDispose]())
  const run = (...words: string[]) => done(installation, ...words)

  it('migrate says what it would do and does nothing, then does it, then has nothing to do', async () => {
    const planned = await run('migrate', '--dry-run')
    assert.deepEqual(await run('migrate', '--dry-run'), planned)
    const count = planned.length - 1
    assert.equal(planned.at(-1), `${count} would run.`)
    assert.match(planned[0] as string, /^ {2}stoa +db\/0001_installation$/)
    const applied = await run('migrate')
    assert.equal(applied.at(-1), `${count} migrations applied.`)
    const names = (lines: string[]) => lines.slice(0, -1).map((line) => line.trim().split(/ +/).slice(0, 2))
    assert.deepEqual(names(applied), names(planned))
    assert.deepEqual(await run('migrate'), ['The schema is up to date.'])
  })

  it('tenant create and tenant list tell of both placements, for people and for programs', async () => {
    await run('tenant', 'create', 'acme', '--placement', 'schema', '--name', 'Acme GmbH')
    assert.match((await run('tenant', 'create', 'town'))[0] as string, /'town' .* in the schema stoa_pool\.$/)
    const listed = (await run('tenant', 'list', '--json')).map((line) => JSON.parse(line))
    assert.deepEqual(
      listed.map(({ name, schema, slug }) => [slug, schema, name]),
      [
        ['acme', 'stoa_t_acme', 'Acme GmbH'],
        ['town', 'stoa_pool', 'town'],
      ],
    )
    assert.match(
      (await run('tenant', 'list')).join('\n'),
      /^acme +stoa_t_acme +default +\S+ {2}Acme GmbH\ntown +stoa_pool/,
    )
  })

  it('key list shows how keys stand, and never a key', async () => {
    const { id, key } = await keyOf(installation, 'acme')
    const [first] = (await run('key', 'list', '--tenant', 'acme', '--json')).map((line) => JSON.parse(line))
    assert.deepEqual([first.id, first.name, first.scopes, first.revokedAt], [id, 'owner', ['*'], null])
    assert.match((await run('key', 'list', '--tenant', 'acme')).join('\n'), / {2}until \d{4}-\d\d-\d\d +\* {2}owner$/)
    await run('key', 'revoke', '--tenant', 'acme', id)
    await run('key', 'revoke', '--tenant', 'acme', id)
    const shown = (await run('key', 'list', '--tenant', 'acme')).join('\n')
    assert.match(shown, / {2}revoked +\* {2}owner$/)
    assert.ok(!shown.includes(key))
  })

  it('signing-key rotate makes the next key, which is published before it signs', async () => {
    const [made] = await run('signing-key', 'rotate', '--tenant', 'acme')
    const [, kid = ''] = /^The key (\S+) \(ES256\) of acme signs from 2\S+Z on\.$/.exec(made as string) ?? []
    const [key] = (await run('signing-key', 'list', '--tenant', 'acme', '--json')).map((line) => JSON.parse(line))
    assert.deepEqual([key.kid, key.state], [kid, 'published'])
    assert.match(
      (await run('signing-key', 'list', '--tenant', 'acme'))[0] as string,
      /^\S+ {2}ES256 {2}published {2}from 2/,
    )
  })

  it('refuse in one line what cannot be', async () => {
    const unlikely = '01a1fefc-f083-77b6-8169-a097665d364b'
    const tries: [words: string, why: RegExp, code: number][] = [
      ['tenant create other --placement scheme', /not 'scheme', did you mean 'schema'\?/, 2],
      ['tenant create', /tenant create: <slug> is missing\. Usage: stoa tenant create <slug>/, 2],
      ['tenant create acme', /Another tenant has this slug/, 1],
      ['tenant create A', /A slug has 3 to 40 characters/, 1],
      ['key create --tenant acme --name a --scope * --expires 0', /whole days from 1/, 2],
      [`key create --tenant acme --name ${'a'.repeat(101)} --scope *`, /--name has at most 100 characters/, 2],
      ['key create --tenant acmee --name a --scope *', /There is no tenant 'acmee', did you mean 'acme'\?/, 1],
      [
        'key create --tenant acme --name a --scope links:fly',
        /^stoa: --scope 'links:fly' is not a permission of this installation\. 'npx stoa help key create' lists them\.$/,
        2,
      ],
      [
        'key create --tenant acme --name a --scope links:raed',
        /--scope 'links:raed' .* did you mean 'links:read'\? /,
        2,
      ],
      ['links takedown nowhere --reason spam', /There is no short link at 'nowhere'/, 1],
      ['links takedown nowhere --reason spamm', /not 'spamm', did you mean 'spam'\?/, 2],
      [`links takedown nowhere --reason spam --note ${'a'.repeat(501)}`, /--note has at most 500 characters/, 2],
      ['links takedown --reason spam', /<url> is missing/, 2],
      ['key revoke --tenant acme 7', /'7' is not the id of a key/, 2],
      [`key revoke --tenant acme ${unlikely}`, new RegExp(`The tenant 'acme' has no key ${unlikely}`), 1],
    ]
    await Promise.all(tries.map(async ([words, why, code]) => refused(await installation.call(words), why, code)))
  })
})

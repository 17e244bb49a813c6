/* People, from the command line to the page, over mail that is a file. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { engines, eventually } from '@stoa/testkit'
import { newInstallation } from './program.ts'

const PASSWORD = 'a walk along the river'

/** The fields that are hidden in a form. */
function hidden(page: string): Record<string, string> {
  const fields = page.matchAll(/<input type="hidden" name="([^"]*)"[^>]*? value="([^"]*)"/g)
  return Object.fromEntries([...fields].map(([, name = '', value = '']) => [name, value]))
}

class Reader {
  readonly #cookies = new Map<string, string>()

  async open(url: string, form?: Record<string, string>): Promise<{ status: number; path: string; page: string }> {
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET',
      redirect: 'manual',
      headers: { cookie: [...this.#cookies].map((pair) => pair.join('=')).join('; ') },
      ...(form && { body: new URLSearchParams(form) }),
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [name = '', value = ''] = (cookie.split(';')[0] ?? '').split('=')
      this.#cookies.set(name, value)
    }
    const location = response.headers.get('location')
    if (location !== null) return await this.open(new URL(location, url).href)
    return { status: response.status, path: new URL(url).pathname, page: await response.text() }
  }

  async send(url: string, fields: Record<string, string>) {
    const { page } = await this.open(url)
    return await this.open(url, { ...hidden(page), ...fields })
  }
}

for (const engine of engines) {
  describe(`people of the program on ${engine}`, () => {
    it('are added by a command, set their password by its link, sign in, and get mail', async () => {
      await using installation = await newInstallation(engine)
      const add = (...words: string[]) => installation.call(['person', 'add', ...words])
      assert.equal((await installation.call('tenant create demo')).code, 0)
      const wrong = await add('nobody', '--tenant', 'demo')
      assert.equal(wrong.code, 2)
      assert.match(wrong.stderr, /'nobody' is not an e-mail address/)
      const added = await add('Ann@Example.org', '--tenant', 'demo', '--name', 'Ann', '--role', 'owner')
      assert.equal(added.code, 0, added.stderr)
      const reset = await installation.call(['person', 'reset-second-step', 'ann@example.org', '--tenant', 'demo'])
      assert.deepEqual([reset.code, reset.stderr], [1, 'stoa: ann@example.org has no authenticator app.\n'])
      const suspended = [
        await installation.call(['person', 'suspend', 'nobody@example.org']),
        await installation.call(['person', 'suspend', 'ann@example.org']),
        await installation.call(['person', 'suspend', 'ann@example.org']),
        await installation.call(['person', 'list', '--tenant', 'demo']),
        await installation.call(['person', 'restore', 'ann@example.org']),
      ].map(({ stderr, stdout }) => stdout + stderr)
      assert.match(suspended[3] ?? '', /ann@example\.org +suspended /)
      assert.deepEqual(suspended.toSpliced(3, 1), [
        'stoa: There is nobody with the address nobody@example.org.\n',
        'ann@example.org is suspended.\n',
        'ann@example.org was suspended already.\n',
        'ann@example.org can sign in again.\n',
      ])
      const listed = await installation.call(['person', 'list', '--tenant', 'demo'])
      assert.equal(listed.code, 0, listed.stderr)
      assert.match(listed.stdout, /ann@example\.org +active +owner +Ann\n$/)
      // The link of before went with the suspension.
      const another = await installation.call(['person', 'password', 'ann@example.org', '--tenant', 'demo'])
      const { pathname, search } = new URL(another.stdout.trim())
      await using up = await installation.up()
      const reader = new Reader()
      const link = up.url + pathname + search
      assert.equal((await reader.send(link, { password: PASSWORD, everywhere: 'yes' })).path, '/t/demo/sign-in')
      const account = await reader.send(`${up.url}/t/demo/sign-in`, { email: 'ann@example.org', password: PASSWORD })
      assert.equal(account.path, '/t/demo/account', account.page)
      assert.match(account.page, /ann@example\.org/)
      const folder = join(installation.dataDir, 'mail')
      const files = await eventually(
        () => readdir(folder).catch(() => []),
        (names) => names.length > 0,
      )
      const mail = await readFile(join(folder, files[0] ?? ''), 'utf8')
      assert.match(mail, /Subject: Your password was changed/)
      assert.match(mail, /^To: ann@example\.org/m)
      const { body } = await up.client().got<{ data: { id: string }[] }>('/api/v1/mail/messages')
      const content = await up.client().send('GET', `/api/v1/mail/messages/${body.data[0]?.id}/content`)
      assert.deepEqual([content.status, (content.body as { code: string }).code], [403, 'mail_confidential'])
    })
  })
}

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openApp } from './setup.ts'

describe('the page about the API', () => {
  it('is where the bare address leads', async () => {
    await using http = await openApp([])
    const answer = await http.app.inject({ url: '/' })
    assert.equal(answer.statusCode, 302)
    assert.equal(answer.headers.location, '/docs')
    assert.equal((await http.app.inject({ url: '/docs' })).statusCode, 200)
  })

  it('leads nowhere when there is no page', async () => {
    await using http = await openApp([], { docs: false })
    for (const url of ['/', '/docs']) assert.equal((await http.app.inject({ url })).statusCode, 404)
  })
})

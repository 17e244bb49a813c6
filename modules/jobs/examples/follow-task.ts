/*
 * Asks for a task and prints what happens to it, until it ends; when the connection breaks, it goes on from the last message.
 *
 *   STOA_URL=http://127.0.0.1:3000 STOA_KEY=stoa_… node examples/follow-task.ts links.import '{"links":[{"target":"https://example.com/"}]}'
 */
import type { Task } from '@stoa/jobs/contract'

const { STOA_URL: url = 'http://127.0.0.1:3000', STOA_KEY: key = '' } = process.env
const [kind = 'links.import', input = '{"links":[{"target":"https://example.com/"}]}'] = process.argv.slice(2)
const authorization = `Bearer ${key}`

const asked = await fetch(`${url}/api/v1/tasks`, {
  method: 'POST',
  headers: { authorization, 'content-type': 'application/json' },
  body: JSON.stringify({ kind, input: JSON.parse(input) }),
})
if (asked.status !== 202) throw new Error(await asked.text())
const { id } = (await asked.json()) as Task

let lastEventId = ''
for (let ended = false; !ended; ) {
  const answer = await fetch(`${url}/api/v1/tasks/${id}/events`, {
    headers: { authorization, ...(lastEventId && { 'last-event-id': lastEventId }) },
  })
  // 204: it has ended, and we have seen the end.
  if (answer.status !== 200) break
  // Its messages are printed; the last one says that it was the end.
  let rest = ''
  for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1]
      lastEventId = /^id: (.*)$/m.exec(block)?.[1] ?? lastEventId
      const message = data === undefined ? null : JSON.parse(data)
      if (message?.type !== 'event') continue
      const { type, data: said } = message.event
      console.log(type, JSON.stringify(said.result ?? said.failure ?? said.note ?? ''))
      ended = ['task.done', 'task.dead', 'task.cancelled'].includes(type)
    }
  }
}

// Follows the short links of an organisation. Run it beside a Stoa:
//
//     STOA_URL=http://127.0.0.1:3000 STOA_KEY=stoa_… node packages/client/examples/links.ts
import { type ChannelEvent, createRealtimeClient } from '@stoa/client'

interface Link {
  readonly id: string
  readonly code: string
  readonly target: string
}
type LinkEvent = ChannelEvent<'link.created' | 'link.updated' | 'link.archived' | 'link.restored', Link>

const { STOA_KEY: token = '', STOA_URL: url = 'http://127.0.0.1:3000' } = process.env

const client = createRealtimeClient<{ links: LinkEvent; [one: `link:${string}`]: LinkEvent }>({ url, token })
const links = client.subscribe('links', {
  onEvent: ({ type, data }) => console.log(type, data.code, data.target),
  onResync: ({ reason }) => console.log('read all links anew:', reason),
  onError: ({ message }) => console.error(message),
})

process.once('SIGINT', () => {
  console.log(`stood at ${links.position}`)
  client.close()
})

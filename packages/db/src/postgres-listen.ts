import { backoffMs, type Clock, type Logger, OutageLog } from '@stoa/kernel'
import { type Client, escapeIdentifier } from 'pg'

interface Listener {
  readonly onMessage: (payload: string) => void
  readonly onGap: () => void
}

/**
 * LISTEN on a connection of its own, which no pooler may share. It connects again by itself, with jitter, and says
 * `onGap` each time, because what was sent in between is lost: the caller looks at the truth then.
 *
 * @throws the first connection error, so that a wrong address is known at once
 */
export async function listenOnPostgres(
  newClient: () => Client,
  channel: string,
  listener: Listener,
  deps: { readonly log: Logger; readonly clock: Clock },
): Promise<AsyncDisposable> {
  const closing = new AbortController()
  let client: Client | null = null
  const name = `PostgreSQL: the connection that listens on ${channel}`
  const outages = new OutageLog(
    { away: `${name} is away`, still: `${name} is still away`, back: `${name} is back` },
    deps,
  )

  const connect = async (): Promise<void> => {
    const fresh = newClient()
    fresh.on('error', () => undefined)
    fresh.once('end', () => {
      if (client === fresh) void reconnect()
    })
    fresh.on('notification', (message) => listener.onMessage(message.payload ?? ''))
    try {
      await fresh.connect()
      await fresh.query(`listen ${escapeIdentifier(channel)}`)
    } catch (error) {
      await fresh.end().catch(() => undefined)
      throw error
    }
    if (closing.signal.aborted) await fresh.end()
    else client = fresh
  }

  const reconnect = async (): Promise<void> => {
    client = null
    for (let attempt = 0; !closing.signal.aborted; attempt++) {
      try {
        await deps.clock.sleep(backoffMs(attempt, 50, 5_000), closing.signal)
        await connect()
        outages.worked()
        listener.onGap()
        return
      } catch (error) {
        if (!closing.signal.aborted) outages.failed(error)
      }
    }
  }

  await connect()
  return {
    async [Symbol.asyncDispose]() {
      closing.abort()
      const open = client
      client = null
      await open?.end()
    },
  }
}

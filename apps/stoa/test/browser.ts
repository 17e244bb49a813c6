/*
 * A real browser, as far as the tests of pages need one: Chromium without a window, spoken to by its DevTools protocol.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PATIENCE_MS = 45_000

/** A page that is open. */
export interface OpenPage {
  /** Addresses that the page asked for, itself included. */
  readonly requests: readonly string[]
  /** Errors of the console: what scripts threw, what did not load, what the policy forbade. */
  readonly errors: readonly string[]
  /** Opens an address. Resolves when the page and what it loads at once are there. */
  open(url: string): Promise<void>
  /** Says something to the browser itself, by its protocol. */
  command(method: string, params?: object): Promise<Record<string, unknown>>
  /** The value of an expression in the page, awaited. */
  evaluate(expression: string): Promise<unknown>
  /**
   * Resolves as soon as the expression is true in the page. @throws Error when it takes too long, with the errors so
   * far
   */
  until(expression: string): Promise<void>
  /** Another page of the same browser: it has the same cookies. */
  newTab(): Promise<OpenPage>
}

/**
 * Starts the browser with an empty profile; it ends with the dispose. Names are not resolved, so nothing leaves the
 * machine.
 *
 * @param hosts names that lead to ports of this machine
 */
export async function openBrowser(
  path: string,
  hosts: Readonly<Record<string, number>> = {},
): Promise<OpenPage & AsyncDisposable> {
  const led = Object.entries(hosts).map(([host, port]) => `MAP ${host} 127.0.0.1:${port}, `)
  const profile = await mkdtemp(join(tmpdir(), 'stoa-browser-'))
  const child = spawn(
    path,
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--no-first-run',
      '--window-size=1600,1200',
      `--host-resolver-rules=${led.join('')}MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost`,
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      'about:blank',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const ended = once(child, 'close')
  const close = async () => {
    child.kill('SIGKILL')
    await ended
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    let said = ''
    for await (const text of child.stderr.setEncoding('utf8')) {
      said += text
      const address = /DevTools listening on (ws:\S+)/.exec(said)?.[1]
      if (address !== undefined) {
        const page = await attach(address)
        child.stderr.resume()
        return Object.assign(page, { [Symbol.asyncDispose]: close })
      }
    }
    throw new Error(`the browser did not start: ${said}`)
  } catch (error) {
    await close()
    throw error
  }
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
  /** Of the page that it is about. */
  readonly sessionId?: string
}

/** The browser, to be spoken to; of a page when its session is named. */
interface Wire {
  send(method: string, params: object, sessionId?: string): Promise<Record<string, unknown>>
  /** Calls `listener` for what happens in a page. */
  on(sessionId: string, listener: (method: string, params: Record<string, unknown>) => void): void
}

async function attach(address: string): Promise<OpenPage> {
  const socket = new WebSocket(address)
  await once(socket, 'open')
  const waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>()
  const listeners = new Map<string, (method: string, params: Record<string, unknown>) => void>()
  let sent = 0
  socket.addEventListener('message', ({ data }) => {
    const { id, method, params = {}, result, error, sessionId = '' } = JSON.parse(String(data)) as Message
    if (method !== undefined) listeners.get(sessionId)?.(method, params)
    const answer = id === undefined ? undefined : waiting.get(id)
    if (error) answer?.reject(new Error(error.message))
    else answer?.resolve(result ?? {})
  })
  return await newPage({
    send(method, params, sessionId) {
      const answer = Promise.withResolvers<Record<string, unknown>>()
      sent += 1
      waiting.set(sent, answer)
      socket.send(JSON.stringify({ id: sent, method, params, ...(sessionId && { sessionId }) }))
      return answer.promise
    },
    on: (sessionId, listener) => void listeners.set(sessionId, listener),
  })
}

async function newPage(wire: Wire): Promise<OpenPage> {
  const requests: string[] = []
  const errors: string[] = []
  let loaded = Promise.withResolvers<void>()
  const heard: Record<string, (params: never) => void> = {
    'Network.requestWillBeSent': ({ request }: { request: { url: string } }) => requests.push(request.url),
    'Network.webSocketCreated': ({ url }: { url: string }) => requests.push(url),
    'Page.loadEventFired': () => loaded.resolve(),
    'Runtime.exceptionThrown': ({ exceptionDetails }: { exceptionDetails: object }) =>
      errors.push(JSON.stringify(exceptionDetails)),
    'Runtime.consoleAPICalled': ({ type, args }: { type: string; args: object[] }) => {
      if (type === 'error' || type === 'assert') errors.push(JSON.stringify(args))
    },
    'Log.entryAdded': ({ entry }: { entry: { level: string; text: string; url?: string } }) => {
      if (entry.level === 'error') errors.push(`${entry.text} ${entry.url ?? ''}`)
    },
  }
  const { targetId } = await wire.send('Target.createTarget', { url: 'about:blank' })
  const attached = await wire.send('Target.attachToTarget', { targetId, flatten: true })
  const sessionId = attached.sessionId as string
  wire.on(sessionId, (method, params) => heard[method]?.(params as never))
  const send = (method: string, params: object = {}) => wire.send(method, params, sessionId)
  for (const domain of ['Network', 'Page', 'Runtime', 'Log']) await send(`${domain}.enable`)

  async function evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await send('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
      allowUnsafeEvalBlockedByCSP: false,
    })
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails))
    return (result as { value?: unknown }).value
  }
  return {
    requests,
    errors,
    evaluate,
    command: send,
    newTab: () => newPage(wire),
    async open(url) {
      loaded = Promise.withResolvers()
      await send('Page.navigate', { url })
      await loaded.promise
    },
    async until(expression) {
      const watch = `new Promise((resolve) => {
        const ends = Date.now() + ${PATIENCE_MS}
        const look = () => ((${expression}) ? resolve(true) : Date.now() > ends ? resolve(false) : setTimeout(look, 50))
        look()
      })`
      if (await evaluate(watch)) return
      throw new Error(`never true in the page: ${expression}; errors: ${errors.join('\n')}`)
    },
  }
}

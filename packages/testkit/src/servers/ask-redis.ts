import { connect } from 'node:net'
import { connect as connectSecurely } from 'node:tls'

const END = '+PONG\r\n'

/**
 * Says a command to a Redis or a Sentinel.
 *
 * @param url with its password; `rediss:` is TLS, and whose certificate it is does not matter
 * @param command without blanks inside of a word: `INFO replication`
 * @returns the answer as it is on the wire
 * @throws Error when nobody listens, or the connection ends before the answer
 */
export async function askRedis(url: string, command: string): Promise<string> {
  const { hostname: host, password, port, protocol } = new URL(url)
  const place = { host, port: Number(port) }
  const socket = protocol === 'rediss:' ? connectSecurely({ ...place, rejectUnauthorized: false }) : connect(place)
  const login = password === '' ? '' : `AUTH ${password}\r\n`
  socket.setEncoding('utf8').write(`${login}${command}\r\nPING\r\n`)
  let answer = ''
  for await (const chunk of socket) {
    answer += chunk
    if (answer.endsWith(END)) return answer.slice(login === '' ? 0 : '+OK\r\n'.length, -END.length)
  }
  throw new Error(`${protocol}//${host}:${port} ended the connection after ${JSON.stringify(answer)}`)
}

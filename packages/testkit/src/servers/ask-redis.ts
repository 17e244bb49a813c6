import { connect } from 'node:net'

const END = '+PONG\r\n'

/**
 * Says a command to a Redis or a Sentinel.
 *
 * @param command without blanks inside of a word: `INFO replication`
 * @returns the answer as it is on the wire
 * @throws Error when nobody listens, or the connection ends before the answer
 */
export async function askRedis(url: string, command: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.setEncoding('utf8').write(`${command}\r\nPING\r\n`)
  let answer = ''
  for await (const chunk of socket) {
    answer += chunk
    if (answer.endsWith(END)) return answer.slice(0, -END.length)
  }
  throw new Error(`${url} ended the connection after ${JSON.stringify(answer)}`)
}

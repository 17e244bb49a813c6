/*
 * WebSocket frames as a server sends them (RFC 6455, section 5.2): not masked, so one frame is the same bytes for
 * everybody who gets it. It is made once and written to every socket as it is; that is most of what a broadcast saves.
 */

/** Of the control frames: an empty ping. */
export const PING = Buffer.from([0x89, 0])

const FIN_TEXT = 0x81

/** A whole text frame. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafeSlow(head + length)
  frame[0] = FIN_TEXT
  if (head === 2) frame[1] = length
  else if (head === 4) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  frame.write(text, head, 'utf8')
  return frame
}

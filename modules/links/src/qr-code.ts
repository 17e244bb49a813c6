/**
 * The short address as a QR code (ISO/IEC 18004), in SVG or PNG. The same question has the same answer, byte for byte, so
 * that its hash can be its ETag.
 */
import { hash } from 'node:crypto'

/** What it looks like. */
export interface QrStyle {
  readonly format: 'svg' | 'png'
  /** Width and height in pixels, with the margin. */
  readonly size: number
  /** Free space around it, in modules. Readers want 4. */
  readonly margin: number
  /** How much of it may be unreadable: 7, 15, 25 or 30 %. */
  readonly level: 'L' | 'M' | 'Q' | 'H'
  /** `RRGGBB`, or `RRGGBBAA` with the opacity. */
  readonly foreground: string
  readonly background: string
}

/** The entity tag of a code: what it says, how it looks, and by which version of this. */
export function qrTag(text: string, style: QrStyle): string {
  const { background, foreground, format, level, margin, size } = style
  const all = JSON.stringify([1, text, format, size, margin, level, foreground, background])
  return `"${hash('sha256', all).slice(0, 32)}"`
}

/** The code of a text. */
export async function qrCode(text: string, style: QrStyle): Promise<string | Buffer> {
  const { background, foreground, format, level, margin, size } = style
  // Loaded here, because most processes never make one.
  const { default: QRCode } = await import('qrcode')
  const options = {
    width: size,
    margin,
    errorCorrectionLevel: level,
    color: { dark: `#${foreground}`, light: `#${background}` },
  }
  if (format === 'svg') return await QRCode.toString(text, { ...options, type: 'svg' })
  return await QRCode.toBuffer(text, { ...options, type: 'png' })
}

// What is wrong with an input, field by field: whoever mends the first fault wants to know of the second.

import type { FieldError } from '@stoa/kernel'

/** Whether it is well-formed text on one line: no CR, LF or NUL, so that no header can begin in it. */
export function isPlainText(text: string): boolean {
  return !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text) && text.isWellFormed()
}

/** Enough to see what is wrong; ten thousand bad addresses are one mistake. */
const MAX_FAULTS = 20

/** Collects faults. */
export class Faults {
  readonly fields: FieldError[] = []

  /** @param pointer JSON pointer from the message: `/to/0` */
  add(pointer: string, code: string, message: string): void {
    if (this.fields.length < MAX_FAULTS) this.fields.push({ pointer, code, message })
  }

  /**
   * Text of a length: what is not has a fault, and is empty.
   *
   * @param lines whether it may have more than one
   */
  text(pointer: string, value: unknown, max: number, lines: 'one line' | 'lines'): string {
    if (typeof value !== 'string') {
      this.add(pointer, 'wrong_type', 'must be text')
    } else if (value.length > max) {
      this.add(pointer, 'too_long', `must have at most ${max} characters`)
    } else if (lines === 'one line' ? !isPlainText(value) : value.includes('\0') || !value.isWellFormed()) {
      const what = lines === 'one line' ? 'line breaks or other control characters' : 'NUL or broken characters'
      this.add(pointer, 'control_character', `must not contain ${what}`)
    } else {
      return value
    }
    return ''
  }
}

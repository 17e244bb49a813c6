import { defineRoute, OneOf } from '@stoa/http'
import { errors, StoaError } from '@stoa/kernel'
import { type Static, Type } from 'typebox'
import type { Links } from '../links.ts'
import { qrCode, qrTag } from '../qr-code.ts'
import { LinkParams } from '../schema.ts'

const types = { svg: 'image/svg+xml', png: 'image/png' } as const
const color = (standard: string, description: string) =>
  Type.String({ pattern: '^[0-9a-fA-F]{6}([0-9a-fA-F]{2})?$', default: standard, description })

const Query = Type.Object({
  format: Type.Unsafe<'svg' | 'png'>({
    ...OneOf(['svg', 'png']),
    default: 'svg',
    description: 'SVG scales; PNG fits everywhere.',
  }),
  size: Type.Integer({
    minimum: 64,
    maximum: 2048,
    default: 512,
    description: 'Width and height in pixels, margin included.',
  }),
  margin: Type.Integer({
    minimum: 0,
    maximum: 16,
    default: 4,
    description: 'Free space around it, in modules. Readers want 4.',
  }),
  level: Type.Unsafe<'L' | 'M' | 'Q' | 'H'>({
    ...OneOf(['L', 'M', 'Q', 'H']),
    default: 'M',
    description: 'How much of it may be covered or dirty: 7, 15, 25 or 30 %.',
  }),
  foreground: color('000000', 'Color of the modules, as `RRGGBB` or `RRGGBBAA`.'),
  background: color('ffffff', 'Color behind them; `ffffff00` for none.'),
})

/** `GET /api/v1/links/{id}/qr` */
export function getLinkQr(links: Links) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/links/:id/qr',
    operationId: 'getLinkQr',
    tags: ['Links'],
    summary: 'Get a link as a QR code',
    description:
      'It says the short address. The same question has the same answer, so it can be kept: it has an `ETag`.',
    permission: 'links:read',
    resource: { kind: 'link', param: 'id' },
    errors: ['link_not_found'],
    schema: {
      params: LinkParams,
      querystring: Query,
      response: {
        200: {
          description: 'The image.',
          tagged: true,
          content: {
            [types.svg]: { schema: Type.String() },
            [types.png]: { schema: Type.String({ format: 'binary' }) },
          },
        },
      },
    },
    async handler(ctx, { params, query }, reply) {
      const style = styleOf(query)
      const { value: link } = await links.linkById(ctx, { id: params.id })
      reply.header('etag', qrTag(link.shortUrl, style))
      reply.header('cache-control', 'private, max-age=3600')
      reply.type(types[style.format])
      return await qrCode(link.shortUrl, style)
    },
  })
}

function styleOf(query: Static<typeof Query>) {
  const foreground = query.foreground.toLowerCase()
  const background = query.background.toLowerCase()
  if (foreground.slice(0, 6) !== background.slice(0, 6) || foreground.length !== background.length) {
    return { ...query, foreground, background }
  }
  const message = 'Nobody can read a code in the color of its background.'
  throw new StoaError(errors.validation_failed, { fields: [{ pointer: '/query/background', code: 'same', message }] })
}

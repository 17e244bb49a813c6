import { fastifyRateLimit } from '@stoa/limiter'
import Fastify from 'fastify'

const app = Fastify()
await app.register(fastifyRateLimit)

app.get('/', { config: { rateLimit: { capacity: 100, refillPerSecond: 100 / 60 } } }, async () => 'hello')

console.log(await app.listen({ port: Number(process.env.PORT ?? 3000) }))

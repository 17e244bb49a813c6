import { expressRateLimit } from '@stoa/limiter'
import express from 'express'

const app = express()
app.use(expressRateLimit({ capacity: 100, refillPerSecond: 100 / 60 }))

app.get('/', (_request, response) => void response.send('hello'))

const server = app.listen(Number(process.env.PORT ?? 3000), () => console.log(server.address()))

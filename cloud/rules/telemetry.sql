SELECT clientid() AS client, topic() AS topic, timestamp() AS received_at, encode(*, 'base64') AS data FROM 'dt/tidegauge/+/+/+'

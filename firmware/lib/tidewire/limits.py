"""How large anything on the wire may be; both the encoder and the decoders hold to it."""

PAYLOAD_BYTES_MAX = 131_072  # the largest MQTT message AWS IoT Core takes
SAMPLES_MAX = 4_096  # an hour at 1 Hz fits; a board sends tens
COLUMNS_MAX = 128
VALUES_MAX = 131_072  # samples x columns: bounds what a payload of constants unpacks to
TEXT_BYTES_MAX = 1_024  # of one text value
NAME_BYTES_MAX = 64
DECIMALS_MAX = 18  # ten to this power still fits in 64 bits
DEPTH_MAX = 8  # of nested CBOR items; a batch needs four
INTEGER_MIN = -(1 << 63)
INTEGER_MAX = (1 << 63) - 1
TIME_MS_MAX = 9_223_372_036_854  # the last millisecond whose nanoseconds fit in 64 bits (2262)
COUNTER_MAX = (1 << 53) - 1  # of boot and sequence: what a reader of JSON still keeps exactly

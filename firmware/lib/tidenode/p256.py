"""P-256 in plain integers: multiplication of points, and verification of ECDSA.

Curve and formulas: SEC 2 v2 section 2.4.2, SEC 1 v2 sections 2.3.4 and 4.1.4; Jacobian
coordinates of the Explicit-Formulas Database (dbl-2001-b, madd). A point is (x, y), and
`INFINITY` is the one that has none. Nothing here runs in constant time: what multiplies by a
secret does so once a certificate, where nobody can time it.

Loaded when it is needed and let go afterwards: it is kilobytes of heap.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    Point = tuple[int, int]

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # order of G
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
INFINITY = (-1, -1)
POINT_BYTES = 65  # uncompressed: 04, x, y


def multiply(factor: int, point: "Point") -> "Point":
    """Return `factor` times `point`, which is on the curve; `factor` is below 2**256."""
    return _sum_of_products(factor, point, 0, INFINITY)


def verify(public: bytes, signature: bytes, digest: bytes) -> bool:
    """Return whether `signature` (DER) is of the SHA-256 `digest` by the key `public`.

    `public` is an uncompressed point. Whatever is not exactly as it should be is False.
    """
    point = read_point(public)
    r, s = read_signature(signature)
    if point == INFINITY or not (0 < r < N and 0 < s < N) or len(digest) != 32:
        return False
    w = pow(s, N - 2, N)  # MicroPython has no inverse: Fermat's
    u = int.from_bytes(digest, "big") * w % N
    point = _sum_of_products(u, G, r * w % N, point)
    return point != INFINITY and point[0] % N == r


def on_curve(point: "Point") -> bool:
    """Return whether `point` is one of the curve, other than INFINITY."""
    x, y = point
    return 0 <= x < P and 0 <= y < P and (y * y - (x * x - 3) * x - B) % P == 0


def read_point(data: bytes) -> "Point":
    """Return the point of an uncompressed encoding; INFINITY where it is none of the curve."""
    if len(data) != POINT_BYTES or data[0] != 4:
        return INFINITY
    point = int.from_bytes(data[1:33], "big"), int.from_bytes(data[33:], "big")
    return point if on_curve(point) else INFINITY


def write_point(point: "Point") -> bytes:
    """Return the uncompressed encoding of `point`."""
    return b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def read_signature(der: bytes) -> "tuple[int, int]":
    """Return (r, s) of SEQUENCE {INTEGER, INTEGER}; (0, 0), which is no signature, if it is not.

    Strictly DER: of two spellings of a number one is refused.
    """
    size = len(der)
    if not 8 <= size <= 72 or der[0] != 0x30 or der[1] != size - 2:
        return 0, 0
    r, at = _read_integer(der, 2)
    s, at = _read_integer(der, at)
    return (r, s) if at == size else (0, 0)


def _read_integer(der: bytes, at: int) -> "tuple[int, int]":
    """Return the number at `at` and where it ends; (0, 0) where there is none."""
    begin = at + 2
    if not at or begin >= len(der) or der[at] != 2:
        return 0, 0
    end = begin + der[at + 1]
    if not begin < end <= len(der) or end - begin > 33 or der[begin] & 0x80:
        return 0, 0
    if der[begin] == 0 and end - begin > 1 and not der[begin + 1] & 0x80:
        return 0, 0  # a zero too many
    return int.from_bytes(der[begin:end], "big"), end


def _sum_of_products(u: int, p: "Point", v: int, q: "Point") -> "Point":
    """Return u * p + v * q, bit by bit of both at once."""
    both = INFINITY if q == INFINITY else _affine(_add(p[0], p[1], 1, q))
    table = (INFINITY, p, q, both)
    u_bytes, v_bytes = u.to_bytes(32, "big"), v.to_bytes(32, "big")
    x, y, z = 1, 1, 0
    for at in range(256):
        x, y, z = _double(x, y, z)
        shift = 7 - (at & 7)
        chosen = (u_bytes[at >> 3] >> shift & 1) | (v_bytes[at >> 3] >> shift & 1) << 1
        if table[chosen] != INFINITY:
            x, y, z = _add(x, y, z, table[chosen])
    return _affine((x, y, z))


def _double(x: int, y: int, z: int) -> "tuple[int, int, int]":
    delta = z * z % P
    gamma = y * y % P
    beta = x * gamma % P
    alpha = 3 * (x - delta) * (x + delta) % P
    x3 = (alpha * alpha - 8 * beta) % P
    z3 = ((y + z) * (y + z) - gamma - delta) % P
    return x3, (alpha * (4 * beta - x3) - 8 * gamma * gamma) % P, z3


def _add(x: int, y: int, z: int, other: "Point") -> "tuple[int, int, int]":
    """Add the affine `other`, which is not INFINITY."""
    if z == 0:
        return other[0], other[1], 1
    zz = z * z % P
    h = (other[0] * zz - x) % P
    r = (other[1] * zz * z - y) % P
    if h == 0:
        return _double(x, y, z) if r == 0 else (1, 1, 0)
    hh = h * h % P
    hhh = hh * h % P
    v = x * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - y * hhh) % P, z * h % P


def _affine(point: "tuple[int, int, int]") -> "Point":
    x, y, z = point
    if z == 0:
        return INFINITY
    inverse = pow(z, P - 2, P)
    square = inverse * inverse % P
    return x * square % P, y * square * inverse % P

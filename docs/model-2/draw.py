"""Drawings made of photographs of faces, and procedurally drawn ones: uint8 -> uint8."""

import cv2
import numpy as np


def kuwahara(x, r):
    f = x.astype(np.float32)
    k = r + 1
    m = cv2.blur(f, (k, k))
    v = (cv2.blur(f * f, (k, k)) - m * m).sum(2)
    d = r // 2 + r % 2
    best = None
    for dy in (-d, d):
        for dx in (-d, d):
            mm, vv = np.roll(m, (dy, dx), (0, 1)), np.roll(v, (dy, dx), (0, 1))
            if best is None:
                best, bv = mm, vv
            else:
                w = vv < bv
                best = np.where(w[..., None], mm, best)
                bv = np.minimum(bv, vv)
    return best.clip(0, 255).astype(np.uint8)


def smooth(x, r, n=None):
    for _ in range(n or r.integers(2, 5)):
        x = cv2.bilateralFilter(x, 7, float(r.uniform(35, 80)), 7)
    return x


def lines(x, r):
    g = cv2.GaussianBlur(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.8)
    d = g - 0.98 * cv2.GaussianBlur(g, (0, 0), float(r.uniform(1.8, 4)))
    return 1 / (1 + np.exp(-(d - float(r.uniform(-4, -1))) * float(r.uniform(0.6, 2))))


def quant(x, n):
    q = 255 / n
    return (np.floor(x / q + 0.5) * q).clip(0, 255).astype(np.uint8)


def cartoon(x, r):
    y = quant(smooth(x, r), int(r.integers(5, 12)))
    return (y * lines(x, r)[..., None]).astype(np.uint8)


def cel(x, r):
    y = smooth(x, r)
    h = cv2.cvtColor(y, cv2.COLOR_RGB2HSV).astype(np.float32)
    h[..., 1] *= float(r.uniform(1.1, 1.8))
    h[..., 2] = quant(h[..., 2], int(r.integers(3, 7)))
    y = cv2.cvtColor(h.clip(0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)
    return (y * (0.3 + 0.7 * lines(x, r)[..., None])).astype(np.uint8)


def posterise(x, r):
    return quant(cv2.medianBlur(x, int(r.choice([3, 5]))), int(r.integers(2, 6)))


def kmeans(x, r):
    k = int(r.integers(5, 14))
    z = cv2.medianBlur(x, 5)
    s = cv2.resize(z, (64, 64)).reshape(-1, 3).astype(np.float32)
    cv2.setRNGSeed(int(r.integers(1e6)))
    _, _, c = cv2.kmeans(s, k, None, (3, 12, 1.0), 1, cv2.KMEANS_PP_CENTERS)
    d = ((z[:, :, None].astype(np.float32) - c) ** 2).sum(-1).argmin(-1)
    return c[d].astype(np.uint8)


def oil(x, r):
    y = x
    for _ in range(int(r.integers(1, 3))):
        y = kuwahara(y, int(r.integers(4, 9)))
    if r.random() < 0.6:  # brush strokes: noise smeared along the gradient's normal
        n = r.standard_normal(x.shape[:2]).astype(np.float32)
        g = cv2.GaussianBlur(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 3)
        a = np.arctan2(cv2.Sobel(g, 5, 0, 1), cv2.Sobel(g, 5, 1, 0)) + np.pi / 2
        yy, xx = np.mgrid[: x.shape[0], : x.shape[1]].astype(np.float32)
        s = 0
        for t in range(-5, 6):
            s = s + cv2.remap(
                n,
                xx + t * np.cos(a).astype(np.float32),
                yy + t * np.sin(a).astype(np.float32),
                1,
                borderMode=cv2.BORDER_REFLECT,
            )
        y = (y + s[..., None] * float(r.uniform(2, 7))).clip(0, 255).astype(np.uint8)
    return y


def canvas(x, r):
    y = kuwahara(x, int(r.integers(3, 6))).astype(np.float32)
    p = int(r.integers(2, 5))
    yy, xx = np.mgrid[: x.shape[0], : x.shape[1]]
    w = np.sin(xx * 2 * np.pi / p) * np.sin(yy * 2 * np.pi / p) + 0.6 * cv2.GaussianBlur(
        r.standard_normal(x.shape[:2]), (0, 0), 0.7
    )
    y = y * (1 + 0.05 * w[..., None])
    t = np.array([1.05, 0.97, 0.8]) if r.random() < 0.6 else np.ones(3)
    return (y * t).clip(0, 255).astype(np.uint8)


def style(x, r):
    return cv2.stylization(x, sigma_s=float(r.uniform(20, 80)), sigma_r=float(r.uniform(0.25, 0.6)))


def edgep(x, r):
    return cv2.edgePreservingFilter(
        x, flags=1, sigma_s=float(r.uniform(40, 120)), sigma_r=float(r.uniform(0.35, 0.6))
    )


def meanshift(x, r):
    return cv2.pyrMeanShiftFiltering(x, float(r.uniform(8, 14)), float(r.uniform(22, 40)))


def sketch(x, r):
    g = cv2.cvtColor(x, cv2.COLOR_RGB2GRAY).astype(np.float32)
    b = cv2.GaussianBlur(255 - g, (0, 0), float(r.uniform(3, 12)))
    y = (g * 255 / np.maximum(255 - b, 1)).clip(0, 255)
    if r.random() < 0.5:
        n = cv2.GaussianBlur(r.standard_normal(g.shape), (0, 0), sigmaX=0.5, sigmaY=2.5)
        y = y + n * float(r.uniform(3, 15)) * (1 - y / 255) * 3
    c = np.array([1, 1, 1]) if r.random() < 0.6 else r.uniform(0.8, 1, 3)
    return (y[..., None] * c).clip(0, 255).astype(np.uint8)


def pencil(x, r):
    a, b = cv2.pencilSketch(
        x,
        sigma_s=float(r.uniform(20, 60)),
        sigma_r=float(r.uniform(0.05, 0.2)),
        shade_factor=float(r.uniform(0.02, 0.06)),
    )
    return b if r.random() < 0.5 else np.repeat(a[..., None], 3, 2)


def halftone(x, r):
    p = float(r.uniform(3, 7))
    yy, xx = np.mgrid[: x.shape[0], : x.shape[1]]
    out = []
    for k, c in enumerate(cv2.split(cv2.GaussianBlur(x, (0, 0), p / 3))):
        a = float(r.uniform(0, 1.5)) + k * 0.5
        u = xx * np.cos(a) + yy * np.sin(a)
        v = -xx * np.sin(a) + yy * np.cos(a)
        s = np.cos(2 * np.pi * u / p) * np.cos(2 * np.pi * v / p)
        out.append(1 / (1 + np.exp(-8 * ((c / 255.0 - 0.5) * 2 - s))))
    if r.random() < 0.4:
        out = [out[1]] * 3
    return (np.stack(out, -1) * 255).astype(np.uint8)


def hatch(x, r):
    g = cv2.GaussianBlur(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), (0, 0), 1) / 255.0
    yy, xx = np.mgrid[: g.shape[0], : g.shape[1]]
    o = np.ones_like(g)
    p = float(r.uniform(3, 6))
    for k, t in enumerate((0.75, 0.55, 0.38, 0.22)):
        a = float(r.uniform(0, 0.4)) + k * 0.8
        l = 0.5 + 0.5 * np.cos(
            2 * np.pi * (xx * np.cos(a) + yy * np.sin(a) + 2 * np.sin(yy / 23.0)) / p
        )
        o *= 1 - (g < t) * (1 - np.clip(l * 1.6, 0, 1)) * 0.85
    o *= lines(x, r) ** 0.7
    return np.repeat((o * 255).clip(0, 255).astype(np.uint8)[..., None], 3, 2)


def statue(x, r):  # stone: no colour in the skin, smooth relief, grain
    g = cv2.bilateralFilter(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), 9, 30, 7).astype(np.float32)
    g = (g - g.mean()) / (g.std() + 5)
    b = cv2.GaussianBlur(g, (0, 0), 1.2)
    e = cv2.Sobel(b, 5, 1, 0, ksize=3) * 0.15 + cv2.Sobel(b, 5, 0, 1, ksize=3) * 0.15
    y = (
        float(r.uniform(120, 190))
        + float(r.uniform(22, 40)) * b
        + 18 * e
        + cv2.GaussianBlur(r.standard_normal(g.shape), (0, 0), float(r.uniform(0.6, 2)))
        * float(r.uniform(3, 12))
    )
    return (
        (y[..., None] * r.uniform([0.9, 0.85, 0.75], [1.0, 1.0, 1.0])).clip(0, 255).astype(np.uint8)
    )


def doll(x, r):  # plastic: very smooth skin, saturated, gloss
    y = smooth(x, r, 5)
    y = cv2.bilateralFilter(y, 11, 60, 11)
    h = cv2.cvtColor(y, cv2.COLOR_RGB2HSV).astype(np.float32)
    h[..., 1] *= float(r.uniform(1.2, 1.7))
    g = h[..., 2]
    d = cv2.GaussianBlur(g, (0, 0), 6)
    h[..., 2] = d + (g - d) * 0.6 + 40 * np.clip((d - 170) / 60, 0, 1) ** 2
    return cv2.cvtColor(h.clip(0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)


def gradient(x, r):  # vector art: a few flat shapes with a soft fill
    y = kmeans(x, r)
    y = cv2.medianBlur(y, 9)
    y = cv2.GaussianBlur(y, (0, 0), 0.7)
    return y


def drawn(x, r):
    n = 256
    bg = r.uniform(0, 255, 3)
    im = np.full((n, n, 3), bg, np.float32)
    S = lambda *c: [int(round(v * 16)) for v in c]
    skin = np.array(
        [
            [255, 220, 190],
            [241, 194, 125],
            [198, 134, 66],
            [141, 85, 36],
            [255, 205, 60],
            [224, 172, 105],
        ][r.integers(6)],
        float,
    ) * r.uniform(0.9, 1.05)
    w, h = r.uniform(58, 76), r.uniform(72, 92)
    cx, cy = 128 + r.normal(0, 4), 135 + r.normal(0, 4)
    ink = tuple(r.uniform(0, 60, 3))
    lw = int(r.integers(1, 5))
    hair = tuple(r.uniform(0, 200, 3))
    E = lambda c, a, col, t=-1, rot=0, s=0, e=360: cv2.ellipse(
        im,
        (int(c[0]), int(c[1])),
        (max(1, int(a[0])), max(1, int(a[1]))),
        rot,
        s,
        e,
        tuple(float(v) for v in col),
        t,
        cv2.LINE_AA,
    )
    cv2.rectangle(im, (int(cx - 30), int(cy + 50)), (int(cx + 30), 255), tuple(skin * 0.85), -1)
    E((cx, cy - 18), (w + r.uniform(6, 18), h + r.uniform(0, 12)), hair)
    E((cx, 256), (110, 50), r.uniform(0, 255, 3))
    for s in (-1, 1):
        E((cx + s * w, cy + 5), (10, 16), skin * 0.92)
    E((cx, cy), (w, h), skin)
    E((cx, cy), (w, h), ink, lw)
    E((cx, cy - h * 0.75), (w * 0.95, h * 0.38), hair)
    ex, ey = w * r.uniform(0.38, 0.46), cy - h * r.uniform(0.05, 0.18)
    a, b = r.uniform(9, 19), r.uniform(6, 17)
    iris = r.uniform(0, 200, 3)
    for s in (-1, 1):
        E((cx + s * ex, ey), (a, b), (255, 255, 255))
        E((cx + s * ex, ey), (a, b), ink, lw)
        E((cx + s * ex, ey), (b * 0.75, b * 0.75), iris)
        E((cx + s * ex, ey), (b * 0.4, b * 0.4), (10, 10, 10))
        E((cx + s * ex + 2, ey - 2), (2, 2), (255, 255, 255))
        E((cx + s * ex, ey - b - 6), (a * 1.15, 5), ink, lw + 2, 0, 200, 340)
    E((cx, cy + h * 0.22), (9, 6), skin * 0.75, lw + 1, 0, 20, 160)
    cv2.line(im, (int(cx), int(ey + 8)), (int(cx + 4), int(cy + h * 0.2)), tuple(skin * 0.8), lw)
    m = r.uniform(16, 30)
    E(
        (cx, cy + h * 0.48),
        (m, r.uniform(6, 14)),
        r.uniform([150, 20, 20], [230, 120, 120]),
        -1,
        0,
        0,
        180,
    )
    E((cx, cy + h * 0.48), (m, 8), ink, lw, 0, 0, 180)
    if r.random() < 0.6:
        yy, xx = np.mgrid[:n, :n]
        im *= (
            1.1
            - 0.35
            * np.clip(
                ((xx - cx) * r.uniform(-1, 1) + (yy - cy) * r.uniform(-0.5, 1)) / 120 + 0.3, 0, 1
            )
        )[..., None]
    if r.random() < 0.5:
        im = cv2.GaussianBlur(im, (0, 0), float(r.uniform(0.5, 4))) * 0.7 + im * 0.3
    if r.random() < 0.3:
        im += cv2.GaussianBlur(r.standard_normal(im.shape), (0, 0), 1) * float(r.uniform(4, 20))
    return im.clip(0, 255).astype(np.uint8)


KINDS = [
    cartoon,
    cel,
    posterise,
    kmeans,
    oil,
    canvas,
    style,
    edgep,
    meanshift,
    sketch,
    pencil,
    halftone,
    hatch,
    statue,
    doll,
    gradient,
    drawn,
]

"""Posterior mode of a board's inputs, and with it the calibrated currents: arrays in, arrays out.

Everything is padded to multiples of four rows and columns (`crosscal.runtime.inverse` does it): four rows
of a matrix meet four others at a time, which keeps the vector units busy where a plain triple loop waits
for memory. Sums may be reassociated (`_FAST`): the tests bound what that costs against a numpy twin.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_FAST = {"contract", "reassoc", "nsz", "arcp"}


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def predict(
    z, squares, placed, polynomial, coupling, bent, lift, pattern, place, constant, carried, predicted
):
    """Currents that inputs `z` would cause; also what the products are made of, `carried` (4, M).

    `squares` and `placed` (N,) are filled with `z²` and `place · z`; one pass over a column's cells then
    does everything.
    """
    columns, rows = pattern.shape
    for n in range(rows):
        squares[n] = z[n] * z[n]
        placed[n] = z[n] * place[n]
    for m in range(columns):
        first, second, third, weights = polynomial[0, m], polynomial[1, m], polynomial[2, m], pattern[m]
        link, bend, high_link = coupling[0, m], bent[m], coupling[1, m]
        own, low, high, by_low, by_high = 0.0, 0.0, 0.0, 0.0, 0.0
        for n in range(rows):
            own += z[n] * first[n] + squares[n] * (second[n] + z[n] * third[n])
            low += weights[n] * z[n]
            high += weights[n] * placed[n]
            by_low += link[n] * z[n] + bend[n] * squares[n]
            by_high += high_link[n] * z[n]
        carried[0, m], carried[1, m], carried[2, m], carried[3, m] = low, high, by_low, by_high
        powers = low * low * low * (lift[0, m] + low * lift[1, m])
        predicted[m] = constant[m] + own + low * by_low + high * by_high + powers


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def differentiate(z, polynomial, coupling, bent, lift, pattern, place, carried, slope):
    """Derivative of `predict` by each input, `slope` (M, N), from what it left in `carried`."""
    columns, rows = pattern.shape
    for m in range(columns):
        first, second, third, weights = polynomial[0, m], polynomial[1, m], polynomial[2, m], pattern[m]
        link, bend, high_link, row = coupling[0, m], bent[m], coupling[1, m], slope[m]
        low, high, by_high = carried[0, m], carried[1, m], carried[3, m]
        by_low = carried[2, m] + low * low * (3.0 * lift[0, m] + 4.0 * low * lift[1, m])
        for n in range(rows):
            own = first[n] + z[n] * (2.0 * (second[n] + low * bend[n]) + 3.0 * z[n] * third[n])
            row[n] = own + low * link[n] + high * high_link[n] + weights[n] * (by_low + by_high * place[n])


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def weighted_gram(a, weight, diagonal, weighted, gram):
    """`aᵀ diag(weight) a + diag(diagonal)` for `a` (K, n), K and n multiples of 4, into the upper triangle
    of `gram`.

    `weighted` (K, n) is scratch.
    """
    inner, size = a.shape
    for k in range(inner):
        for j in range(size):
            weighted[k, j] = a[k, j] * weight[k]
    for i in range(0, size, 4):
        left = i // 8 * 8
        # Slices, so that the inner loop counts from 0: numba guards any other start against negative indices.
        g0, g1, g2, g3 = gram[i, left:], gram[i + 1, left:], gram[i + 2, left:], gram[i + 3, left:]
        length = g0.size
        for j in range(length):
            g0[j] = 0.0
            g1[j] = 0.0
            g2[j] = 0.0
            g3[j] = 0.0
        for k in range(0, inner, 4):
            x0, x1, x2, x3 = a[k, left:], a[k + 1, left:], a[k + 2, left:], a[k + 3, left:]
            w0, w1, w2, w3 = weighted[k], weighted[k + 1], weighted[k + 2], weighted[k + 3]
            a0, a1, a2, a3 = w0[i], w1[i], w2[i], w3[i]
            b0, b1, b2, b3 = w0[i + 1], w1[i + 1], w2[i + 1], w3[i + 1]
            c0, c1, c2, c3 = w0[i + 2], w1[i + 2], w2[i + 2], w3[i + 2]
            e0, e1, e2, e3 = w0[i + 3], w1[i + 3], w2[i + 3], w3[i + 3]
            for j in range(length):
                y0, y1, y2, y3 = x0[j], x1[j], x2[j], x3[j]
                g0[j] += a0 * y0 + a1 * y1 + a2 * y2 + a3 * y3
                g1[j] += b0 * y0 + b1 * y1 + b2 * y2 + b3 * y3
                g2[j] += c0 * y0 + c1 * y1 + c2 * y2 + c3 * y3
                g3[j] += e0 * y0 + e1 * y1 + e2 * y2 + e3 * y3
        for j in range(i, i + 4):
            gram[j, j] += diagonal[j]


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def factorise(gram, inverse_pivot):
    """Replace the upper triangle of a positive matrix (n, n), n a multiple of 4, by `D Lᵀ` of its `L D
    Lᵀ`.
    """
    size = gram.shape[0]
    for k in range(0, size, 4):
        left = k // 8 * 8
        for p in range(k, k + 4):
            inverse_pivot[p] = 1.0 / gram[p, p]
            pivot_row = gram[p, left:]
            for i in range(p + 1, k + 4):
                factor, row = gram[p, i] * inverse_pivot[p], gram[i, left:]
                for j in range(row.size):
                    row[j] -= factor * pivot_row[j]
        r0, r1, r2, r3 = gram[k], gram[k + 1], gram[k + 2], gram[k + 3]
        d0, d1, d2, d3 = inverse_pivot[k], inverse_pivot[k + 1], inverse_pivot[k + 2], inverse_pivot[k + 3]
        for i in range(k + 4, size, 4):
            a0, a1, a2, a3 = r0[i] * d0, r1[i] * d1, r2[i] * d2, r3[i] * d3
            b0, b1, b2, b3 = r0[i + 1] * d0, r1[i + 1] * d1, r2[i + 1] * d2, r3[i + 1] * d3
            c0, c1, c2, c3 = r0[i + 2] * d0, r1[i + 2] * d1, r2[i + 2] * d2, r3[i + 2] * d3
            e0, e1, e2, e3 = r0[i + 3] * d0, r1[i + 3] * d1, r2[i + 3] * d2, r3[i + 3] * d3
            left = i // 8 * 8
            x0, x1, x2, x3 = gram[i, left:], gram[i + 1, left:], gram[i + 2, left:], gram[i + 3, left:]
            s0, s1, s2, s3 = r0[left:], r1[left:], r2[left:], r3[left:]
            for j in range(x0.size):
                y0, y1, y2, y3 = s0[j], s1[j], s2[j], s3[j]
                x0[j] -= a0 * y0 + a1 * y1 + a2 * y2 + a3 * y3
                x1[j] -= b0 * y0 + b1 * y1 + b2 * y2 + b3 * y3
                x2[j] -= c0 * y0 + c1 * y1 + c2 * y2 + c3 * y3
                x3[j] -= e0 * y0 + e1 * y1 + e2 * y2 + e3 * y3


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def substitute(factor, inverse_pivot, b):
    """Solve with what `factorise` left; `b` (n,) becomes the solution."""
    size = b.size
    for k in range(size):
        scaled, row = b[k] * inverse_pivot[k], factor[k]
        for j in range(k + 1, size):
            b[j] -= scaled * row[j]
    for k in range(size - 1, -1, -1):
        total, row = 0.0, factor[k]
        for j in range(k + 1, size):
            total += row[j] * b[j]
        b[k] = (b[k] - total) * inverse_pivot[k]


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def precision_factor(slope, transposed, weight, stiffness, narrow, scratch, gram, inverse_pivot):
    """Factorise `JᵀWJ + Λ` (N, N), or where columns are fewer its twin `J Λ⁻¹ Jᵀ + W⁻¹` (M, M);
    `transposed` and `scratch`, as large as what is summed, are scratch."""
    columns, rows = slope.shape
    if not narrow:
        weighted_gram(slope, weight, stiffness, scratch, gram)
    else:
        for m in range(columns):
            for n in range(rows):
                transposed[n, m] = slope[m, n]
        weighted_gram(transposed, 1.0 / stiffness, 1.0 / weight, scratch, gram)
    factorise(gram, inverse_pivot)


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def apply_covariance(slope, stiffness, narrow, gram, inverse_pivot, b, middle):
    """`(JᵀWJ + Λ)⁻¹ b` in place of `b` (N,), from either factor of `precision_factor`; `middle` (M,) is
    scratch.
    """
    if not narrow:
        substitute(gram, inverse_pivot, b)
        return
    columns, rows = slope.shape
    for n in range(rows):
        b[n] /= stiffness[n]
    for m in range(columns):
        total = 0.0
        for n in range(rows):
            total += slope[m, n] * b[n]
        middle[m] = total
    substitute(gram, inverse_pivot, middle)
    for m in range(columns):
        for n in range(rows):
            b[n] -= slope[m, n] * middle[m] / stiffness[n]


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def find_mode(
    y,
    given,
    polynomial,
    coupling,
    bent,
    lift,
    pattern,
    place,
    constant,
    variance,
    gain,
    linear,
    offset,
    walls,
    widening,
    settled,
    narrow,
    z,
    slope,
    gram,
    inverse_pivot,
    stiffness,
    scratch_rows,
    scratch_columns,
    transposed,
    scratch,
):
    """Inputs `z` (N,) that best explain one reading `y` (M,); leaves `slope`, `stiffness` and the factor at
    the last step.

    First the best linear estimate, `gain (y − offset)`, then one step of it against the true prediction,
    then a Gauss–Newton step for every entry of `widening`: so many times what is left unexplained counts as
    noise, so that no step trusts a linearisation further than it reaches. A step that moves the inputs
    by less than `settled[0]`, as squares in parts of their variance, while what it counts as noise is below
    `settled[1]`, is the last.
    """
    low, high, spring, least, most = walls[0], walls[1], walls[2], walls[3], walls[4]
    columns, rows = pattern.shape
    carried, squares, placed = scratch_columns[4:8], scratch_rows[2], scratch_rows[3]
    predicted, weight, residual, middle = (
        scratch_columns[0],
        scratch_columns[1],
        scratch_columns[2],
        scratch_columns[3],
    )
    gradient, move = scratch_rows[0], scratch_rows[1]
    z[:] = 0.0
    for round_ in range(2):
        if round_ == 0:
            for m in range(columns):
                residual[m] = y[m] - offset[m]
        else:
            predict(
                z,
                squares,
                placed,
                polynomial,
                coupling,
                bent,
                lift,
                pattern,
                place,
                constant,
                carried,
                predicted,
            )
            for m in range(columns):
                total = 0.0
                for n in range(rows):
                    total += linear[m, n] * z[n]
                residual[m] = y[m] - predicted[m] + total
        z[:] = 0.0
        for m in range(columns):
            for n in range(rows):
                z[n] += gain[m, n] * residual[m]
        for n in range(rows):
            z[n] = min(max(z[n], least), most)
    for step in range(widening.size):
        predict(
            z, squares, placed, polynomial, coupling, bent, lift, pattern, place, constant, carried, predicted
        )
        unexplained = 0.0
        for m in range(columns):
            residual[m] = y[m] - predicted[m]
            unexplained += residual[m] * residual[m]
        unexplained *= widening[step] * widening[step] / given
        for m in range(columns):
            weight[m] = 1.0 / (variance[m] + unexplained)
        for n in range(rows):
            stiffness[n] = 1.0 + (spring if z[n] < low or z[n] > high else 0.0)
        differentiate(z, polynomial, coupling, bent, lift, pattern, place, carried, slope)
        precision_factor(slope, transposed, weight, stiffness, narrow, scratch, gram, inverse_pivot)
        for n in range(rows):
            beyond = z[n] - min(max(z[n], low), high)
            gradient[n] = -z[n] - spring * beyond
        for m in range(columns):
            pull = residual[m] * weight[m]
            for n in range(rows):
                gradient[n] += slope[m, n] * pull
        for n in range(rows):
            move[n] = gradient[n]
        apply_covariance(slope, stiffness, narrow, gram, inverse_pivot, move, middle)
        moved = 0.0
        for n in range(rows):
            moved += gradient[n] * move[n]
            z[n] = min(max(z[n] + move[n], least), most)
        if moved < settled[0] and unexplained < settled[1]:
            break


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def spread(rate, conductance, slope, stiffness, narrow, gram, inverse_pivot, scratch_rows, middle, variance):
    """Variance (M,) of `conductanceᵀ v` when `z` has the covariance of the last factor and `dv/dz` is
    `rate` (N,).
    """
    columns, rows = conductance.shape
    seen, b = scratch_rows[0], scratch_rows[1]
    for m in range(columns):
        for n in range(rows):
            seen[n] = conductance[m, n] * rate[n]
            b[n] = seen[n]
        apply_covariance(slope, stiffness, narrow, gram, inverse_pivot, b, middle)
        total = 0.0
        for n in range(rows):
            total += seen[n] * b[n]
        variance[m] = total


@njit(cache=True, fastmath=_FAST, error_model="numpy", nogil=True)
def calibrate_batch(
    current,
    scale,
    shift,
    expansion,
    half_softness,
    conductance,
    polynomial,
    coupling,
    bent,
    lift,
    pattern,
    place,
    constant,
    variance,
    gain,
    linear,
    offset,
    walls,
    widening,
    settled,
    narrow,
    wants_spread,
    calibrated,
    voltage,
    deviation,
):
    """Calibrate readings (B, M) one after another: `calibrated` (B, M), `voltage` (B, N), `deviation` (B,
    M) or (0, 0).

    `current` may have fewer columns than the padded arrays; the missing ones stay out of every sum.
    """
    columns, rows = pattern.shape
    given = current.shape[1]
    size = columns if narrow else rows
    y, z = np.zeros(columns), np.empty(rows)
    slope, gram = np.empty((columns, rows)), np.empty((size, size))
    inverse_pivot, stiffness = np.empty(size), np.empty(rows)
    scratch_rows, scratch_columns = np.empty((4, rows)), np.empty((8, columns))
    transposed = np.empty((rows, columns) if narrow else (0, 0))
    scratch = np.empty((rows, columns) if narrow else (columns, rows))
    volts, rate, total_variance = np.empty(rows), np.empty(rows), np.empty(columns)
    for b in range(current.shape[0]):
        for m in range(given):
            y[m] = (current[b, m] - shift[m]) * scale[m]
        find_mode(
            y,
            given,
            polynomial,
            coupling,
            bent,
            lift,
            pattern,
            place,
            constant,
            variance,
            gain,
            linear,
            offset,
            walls,
            widening,
            settled,
            narrow,
            z,
            slope,
            gram,
            inverse_pivot,
            stiffness,
            scratch_rows,
            scratch_columns,
            transposed,
            scratch,
        )
        for n in range(rows):
            value, grows, bends = 0.0, 0.0, 0.0
            for k in range(expansion.size - 1, -1, -1):
                bends = bends * z[n] + grows
                grows = grows * z[n] + value
                value = value * z[n] + expansion[k]
            volts[n], rate[n] = value + half_softness[n] * 2.0 * bends, grows
        for n in range(voltage.shape[1]):
            voltage[b, n] = volts[n]
        for m in range(given):
            total = 0.0
            for n in range(rows):
                total += conductance[m, n] * volts[n]
            calibrated[b, m] = total
        if wants_spread:
            spread(
                rate,
                conductance,
                slope,
                stiffness,
                narrow,
                gram,
                inverse_pivot,
                scratch_rows,
                scratch_columns[3],
                total_variance,
            )
            for m in range(given):
                deviation[b, m] = np.sqrt(total_variance[m])

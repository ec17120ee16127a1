/* Functions are static unless NAME_API says otherwise: to call them from other files too, define it as nothing in
 * the one file that includes this header, and declare them elsewhere. */
#ifndef NAME_API
#define NAME_API static inline
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What a call returns. Unless it is NAME_GOOD, nothing was written. */
#define NAME_GOOD 0
#define NAME_NOT_FINITE 1 /* a current is NaN or infinite */
#define NAME_OVER_RANGE 2 /* a current is larger than any reading of this board */
#define NAME_NOT_EXPLAINED 3 /* no inputs of the trained window cause these currents */

/* Calibrates one reading: a current [A] for each column. `calibrated_a` may be `measured_a`. */
NAME_API int NAME_calibrate(const float *measured_a, float *calibrated_a);

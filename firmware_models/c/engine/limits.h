/* Sizes of the engine's buffers. All memory is static: see README.md beside this folder for the sum. */
#ifndef CROSSCAL_LIMITS_H
#define CROSSCAL_LIMITS_H

/* Client links that can be open at a time. */
#ifndef LINKS_MAX
#define LINKS_MAX 4
#endif

/* A message up to this length is executed when it is complete; a longer one while it arrives. */
#ifndef INPUT_BYTES
#define INPUT_BYTES 1024U
#endif

/* Output waiting to be sent. */
#ifndef OUTPUT_BYTES
#define OUTPUT_BYTES 1536U
#endif

/* Longest reply that is not an array; so much room is made before a query is executed. */
#define TEXT_REPLY_BYTES 512U

/* Errors queued, and characters that follow the standard's text of each. */
#define ERRORS_QUEUED 32U
#define ERROR_DETAIL_BYTES 200U

/* Parameters of one unit: how many are looked at, and the characters of all of them. */
#define PARAMETERS_KEPT 3U
#define PARAMETER_BYTES 448U

/* Longest header that is reported whole. */
#define HEADER_BYTES 208U

/* Vectors measured in one slice of work. */
#define SLICE_VECTORS 64U

/* Silence after which an incomplete block, or a client that holds what another waits for, is given up [s]. */
#define SILENCE_S 5.0

#define RANGES_MAX 16U

#endif

#include "engine/call.h"

#include "engine/scpi_errors.h"

int call_fail(struct call *call, int code, const char *detail) {
    text_string(&call->detail, detail);
    return code;
}

int call_exactly(struct call *call, size_t count) {
    if (call->count == count) {
        return SCPI_OK;
    }
    text_unsigned(&call->detail, call->count);
    text_string(&call->detail, " parameters; allowed: ");
    text_unsigned(&call->detail, count);
    return call->count < count ? SCPI_MISSING_PARAMETER : SCPI_PARAMETER_NOT_ALLOWED;
}

int call_at_most(struct call *call, size_t count) {
    if (call->count <= count) {
        return SCPI_OK;
    }
    text_unsigned(&call->detail, call->count);
    text_string(&call->detail, " parameters; allowed: at most ");
    text_unsigned(&call->detail, count);
    return SCPI_PARAMETER_NOT_ALLOWED;
}

int call_hardware(struct call *call, const char *failure) {
    if (failure == NULL) {
        return SCPI_OK;
    }
    call->board->hal->rest(call->board->hal->context);
    return call_fail(call, SCPI_HARDWARE_ERROR, failure);
}

void call_note_difference(struct call *call, const double *kept, const double *values, size_t count) {
    size_t index;
    for (index = 0; index < count; index++) {
        if (kept[index] < values[index] || kept[index] > values[index]) {
            call->board->changes.array_changed = true;
        }
    }
}

void call_replace(struct call *call, double *kept, const double *values, size_t count) {
    size_t index;
    call_note_difference(call, kept, values, count);
    for (index = 0; index < count; index++) {
        kept[index] = values[index];
    }
}

void call_reply_array(struct call *call, size_t count, bool whole) {
    struct array_reply *reply = &call->board->array_reply;
    reply->owner = call->link;
    reply->format = call->board->settings.format;
    reply->whole = whole;
    reply->count = count;
    reply->sent = 0;
    call->link->long_reply = REPLY_ARRAY;
    format_begin(reply->format, count, &call->reply);
}

void call_reply_whole(struct call *call, int64_t value) {
    text_integer(&call->reply, value);
}

void call_reply_number(struct call *call, double value) {
    text_number(&call->reply, value);
}

static bool is_choice(struct span text, const char *word) {
    char capitals[16];
    size_t long_count = 0;
    size_t short_count = 0;
    for (; word[long_count] != '\0'; long_count++) {
        capitals[long_count] = to_upper(word[long_count]);
    }
    capitals[long_count] = '\0';
    if (span_is_word(text, capitals)) {
        return true;
    }
    while (short_count < long_count && !(word[short_count] >= 'a' && word[short_count] <= 'z')) {
        short_count++;
    }
    capitals[short_count] = '\0';
    return span_is_word(text, capitals);
}

static void put_choices(struct text *text, const char *const *choices, size_t count) {
    size_t index;
    for (index = 0; index < count; index++) {
        text_string(text, index > 0U ? ", " : "");
        text_string(text, choices[index]);
    }
}

int call_choice(struct call *call, struct parameter parameter, const char *const *choices, size_t count,
                size_t *choice) {
    size_t index;
    if (parameter.is_block || !is_latin_letter(parameter.text.bytes[0])) {
        text_string(&call->detail, "a word is wanted: ");
        put_choices(&call->detail, choices, count);
        return SCPI_DATA_TYPE_ERROR;
    }
    for (index = 0; index < count; index++) {
        if (is_choice(parameter.text, choices[index])) {
            *choice = index;
            return SCPI_OK;
        }
    }
    text_span(&call->detail, parameter.text, parameter.text.count);
    text_string(&call->detail, "; allowed: ");
    put_choices(&call->detail, choices, count);
    return SCPI_ILLEGAL_VALUE;
}

int call_boolean(struct call *call, bool *value) {
    static const char *const WORDS[] = {"ON", "OFF"};
    struct parameter parameter;
    double number;
    size_t choice;
    int code = call_exactly(call, 1);
    if (code != SCPI_OK) {
        return code;
    }
    parameter = call->parameters[0];
    if (!parameter.is_block && is_latin_letter(parameter.text.bytes[0])) {
        code = call_choice(call, parameter, WORDS, 2, &choice);
        if (code == SCPI_OK) {
            *value = choice == 0U;
        }
        return code;
    }
    code = parse_number(parameter, UNIT_PURE, &number, &call->detail);
    if (code == SCPI_OK) {
        *value = number < -0.5 || number > 0.5;
    }
    return code;
}

int call_set_real(struct call *call, enum unit unit, struct limits limits, double *setting) {
    int code = call_exactly(call, 1);
    return code != SCPI_OK ? code : parse_limited(call->parameters[0], unit, limits, setting, &call->detail);
}

int call_set_whole(struct call *call, struct whole_limits limits, int64_t *setting) {
    int code = call_exactly(call, 1);
    return code != SCPI_OK ? code : parse_whole(call->parameters[0], limits, setting, &call->detail);
}

static int no_keyword(struct call *call) {
    if (call->parameters[0].is_block) {
        text_string(&call->detail, "a block");
    } else {
        text_span(&call->detail, call->parameters[0].text, call->parameters[0].text.count);
    }
    return call_fail(call, SCPI_PARAMETER_NOT_ALLOWED, "; a query may carry MINimum, MAXimum or DEFault");
}

int call_answer_real(struct call *call, struct limits limits, double setting) {
    double value = setting;
    int code = call_at_most(call, 1);
    if (code == SCPI_OK && call->count == 1U && !limit_keyword(call->parameters[0], limits, &value)) {
        code = no_keyword(call);
    }
    if (code == SCPI_OK) {
        call_reply_number(call, value);
    }
    return code;
}

int call_answer_whole(struct call *call, struct whole_limits limits, int64_t setting) {
    int64_t value = setting;
    int code = call_at_most(call, 1);
    if (code == SCPI_OK && call->count == 1U && !whole_keyword(call->parameters[0], limits, &value)) {
        code = no_keyword(call);
    }
    if (code == SCPI_OK) {
        call_reply_whole(call, value);
    }
    return code;
}

static inline int32_t NAME_whole(float value)
{
    return (int32_t)(value + ((value < 0.0f) ? -0.5f : 0.5f));
}

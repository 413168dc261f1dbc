"""Pools of names in the way of real towns. None of them names a person."""

from __future__ import annotations

import numpy as np

STREET_OFFICE = "青泠街道"
STREET_CODE = "429900001"
"""Fictitious: 429900 stands for no county, 001 for its first street office."""

RIVER_NAME = "青泠河"
RAILWAY_NAME = "青襄铁路"


def _words(text: str) -> list[str]:
    """Split a pool written as one text."""
    return text.split()


OLD_LANES = _words(
    "柳巷 井巷 豆腐巷 米市巷 铁匠巷 文庙巷 鼓楼巷 书院弄 油坊巷 染坊弄 竹篾巷 木器巷 银匠弄 药王巷 城隍巷 魁星弄 "
    "状元巷 钱粮巷 大井弄 桂花巷 槐荫巷 石板巷 半边街 盐码头巷 轿行弄 茶馆弄 灯笼巷 剪子巷 棋盘巷 福寿弄 平安巷 "
    "太平弄 仁和巷 义学弄 关帝巷 观音弄 龙王巷 三元巷 四眼井巷 百子巷 后街 横街 河街 水门巷 渡口巷 船厂弄 鱼市巷 "
    "菜市弄 芝麻巷 磨坊弄 酱园巷 糖坊弄 纸马巷 丝线弄 草鞋巷 伞铺弄 皂角巷 枇杷弄 石榴巷 梧桐弄 银杏巷 蜡梅弄 "
    "葡萄巷 紫藤弄 牌坊巷 碑亭弄 塔影巷 钟鼓弄 明伦巷 学宫弄 试院巷 射圃弄 演武巷 校场弄 马号巷 箭道弄 望江巷 "
    "听涛弄 "
)
VILLAGE_LANES = _words(
    "塘边路 湾子路 祠堂路 晒场路 村口路 果园路 茶山路 菱角塘路 荷塘路 堰头路 水渠路 机耕路 砖桥路 打谷场路 "
    "竹园路 桑园路 油茶路 枣林路 松岗路 樟树路 鱼塘路 莲花路 稻香路 麦浪路 桃园路 梨园路 橘园路 泵站路 堤脚路 "
    "山脚路 岗上路 老井路 新湾路 前湾路 后湾路 东湾路 西湾路 槐树路 枫香路 板栗路 瓜棚路 牛栏路 石磙路 土桥路 "
    "小桥路 大塘路 月塘路 长塘路 方塘路 泉眼路 "
)
URBAN_STREETS = _words(
    "新华路 和平路 友谊路 团结路 建新路 兴业路 振兴路 富强路 安康路 永安路 长乐路 康宁路 幸福路 光明路 朝阳路 "
    "东风路 向阳路 红星路 前进路 跃进路 育才路 育英路 书香路 崇文路 明德路 博学路 桃李路 翰林路 花园路 公园路 "
    "芙蓉路 牡丹路 玉兰路 海棠路 紫薇路 丁香路 香樟路 银杏路 梅园路 兰亭路 翠竹路 菊园路 湖滨路 荷花路 映月路 "
    "清风路 望湖路 听雨路 云溪路 碧泉路 金桥路 银桥路 商城路 广场路 体育馆路 影院街 邮电路 粮食路 供销街 纺织路 "
    "机械路 化工路 电力路 水厂路 车站街 货场路 仓储路 物流路 创业路 创新路 高新路 科园路 工业一路 工业二路 "
    "工业三路 纬一路 纬二路 纬三路 经一路 经二路 经三路 丰收路 丰泽路 金穗路 瑞安路 祥和路 锦绣路 景明路 春晖路 "
    "秋实路 夏荫路 冬青路 星光路 月华路 彩虹路 霞光路 凤鸣路 龙泉路 麒麟路 白鹭路 鸿雁路 喜鹊路 百灵路 "
)
ESTATES = _words(
    "翠园 锦绣花园 阳光家园 江景苑 书香雅苑 金桂苑 银杏苑 兰亭苑 康乐新村 纺织新村 铁路新村 机械厂宿舍 "
    "粮食局宿舍 教师新村 新城国际 滨江一品 学府名邸 东方明珠 盛世华庭 和谐家园 幸福里 清河湾 柳岸花园 梧桐苑 "
    "丽景苑 御景湾 天润花园 安居小区 惠民小区 站前小区 永兴苑 文昌苑 迎宾花园 望江花园 青泠佳苑 凤凰城 香樟林 "
    "桃花源里 水岸新都 玉兰公馆 "
)


class NamePool:
    """Hands out the names of one kind in a fixed order; when they run out, numbered ones follow (柳巷一弄)."""

    def __init__(self, names: list[str], branch: str, rng: np.random.Generator) -> None:
        self._names = [names[int(index)] for index in rng.permutation(len(names))]
        self._branch = branch
        self._given = 0

    def take(self) -> str:
        """Take the next unused name."""
        round_number, index = divmod(self._given, len(self._names))
        self._given += 1
        name = self._names[index]
        return name if round_number == 0 else f"{name}{'一二三四五六七八九'[round_number - 1]}{self._branch}"

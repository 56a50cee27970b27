// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IQUIVerStaking} from "../src/interfaces/IQUIVerStaking.sol";
import {RewardPool} from "../src/RewardPool.sol";
import {StakingSetup} from "./support/StakingSetup.sol";
import {vm} from "./support/Vm.sol";

contract StakingRewardsTest is StakingSetup {
    /// Rounding of the index against an account, in base units, per step and 1,000 QUIV of weight or less.
    uint256 private constant DUST = 10_000;

    // fundRewards

    function test_FundFirst() public {
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.RewardsFunded(address(this), 1_000 * QUIV, 1_000 * QUIV, START + 100 days);
        fund(1_000 * QUIV, 100 days);
        IQUIVerStaking.PoolInfo memory pool = staking.poolInfo();
        eq(pool.reserve, 1_000 * QUIV, "reserve");
        eq(pool.endsAt, START + 100 days, "end");
        eq(pool.ratePerSecond, 0, "nobody is staked yet");
        stakeAs(alice, 1_000 * QUIV);
        eq(staking.poolInfo().ratePerSecond, 1_000 * QUIV / uint256(100 days), "rate");
    }

    function test_FundRejectsNothing() public {
        vm.expectRevert(IQUIVerStaking.ZeroAmount.selector);
        fund(0, 1 days);
    }

    function test_FundRejectsDurations() public {
        vm.expectRevert(
            abi.encodeWithSelector(RewardPool.DurationOutOfRange.selector, 1 days - 1, 1 days, 4 * 365 days)
        );
        fund(QUIV, 1 days - 1);
        vm.expectRevert(
            abi.encodeWithSelector(RewardPool.DurationOutOfRange.selector, 1461 days, 1 days, 4 * 365 days)
        );
        fund(QUIV, 1461 days);
    }

    function test_FundRejectsWhilePaused() public {
        vm.prank(guardian);
        staking.pause();
        vm.expectRevert(IQUIVerStaking.DepositsPaused.selector);
        fund(QUIV, 1 days);
    }

    function test_FundAgainTakesTheMeanDuration() public {
        stakeAs(alice, 1_000 * QUIV);
        fund(1_000 * QUIV, 100 days);
        fund(1_000 * QUIV, 50 days);
        eq(staking.poolInfo().endsAt, START + 75 days, "mean");
        eq(staking.poolInfo().reserve, 2_000 * QUIV, "sum");
    }

    function test_FundAfterTheEndStartsAnew() public {
        stakeAs(alice, 1_000 * QUIV);
        fund(1_000 * QUIV, 10 days);
        skip(20 days);
        fund(1_000 * QUIV, 50 days);
        eq(staking.poolInfo().endsAt, START + 70 days, "its own duration");
        within(staking.pendingRewards(alice), 1_000 * QUIV, DUST, "the first is out");
    }

    function test_FundDustMovesNothing() public {
        stakeAs(alice, 1_000 * QUIV);
        fund(1_000_000 * QUIV, 100 days);
        uint256 rate = staking.poolInfo().ratePerSecond;
        fund(1 * QUIV, 1 days);
        within(staking.poolInfo().endsAt, START + 100 days, 10, "not crammed");
        isTrue(staking.poolInfo().ratePerSecond >= rate, "rate");
    }

    function test_FundNeverLowersTheRate() public {
        stakeAs(alice, 1_000 * QUIV);
        fund(1_000 * QUIV, 100 days);
        // (1100² · 100 / 1000 − 1000 · 100) / 100 = 210 days
        vm.expectRevert(abi.encodeWithSelector(RewardPool.RewardRateWouldFall.selector, 210 days));
        fund(100 * QUIV, 210 days + 1);
        uint256 rate = staking.poolInfo().ratePerSecond;
        fund(100 * QUIV, 210 days);
        eq(staking.poolInfo().ratePerSecond, rate, "as before");
    }

    function testFuzz_FundNeverLowersTheRate(
        uint256 first,
        uint256 firstFor,
        uint256 wait,
        uint256 second,
        uint256 secondFor
    ) public {
        stakeAs(alice, 1_000 * QUIV);
        firstFor = between(firstFor, 1 days, 1460 days);
        fund(between(first, 1 * QUIV, 1e26), firstFor);
        skip(between(wait, 0, firstFor - 1));
        uint256 rate = staking.poolInfo().ratePerSecond;
        try staking.fundRewards(between(second, 1, 1e26), between(secondFor, 1 days, 1460 days)) {
            // Both rates are rounded down to a base unit per second.
            isTrue(staking.poolInfo().ratePerSecond + 1 >= rate, "rate fell");
        } catch (bytes memory reason) {
            eq(bytes32(bytes4(reason)), bytes32(RewardPool.RewardRateWouldFall.selector), "only for the rate");
        }
    }

    // earning and claiming

    function test_OneStakerEarnsBySecond() public {
        stakeAs(alice, 1_000 * QUIV);
        fund(864_000 * QUIV, 10 days);
        skip(1);
        within(staking.pendingRewards(alice), QUIV, DUST, "one a second");
        skip(9);
        within(staking.pendingRewards(alice), 10 * QUIV, DUST, "ten");
        skip(10 days);
        within(staking.pendingRewards(alice), 864_000 * QUIV, DUST, "all");
        skip(10 days);
        within(staking.pendingRewards(alice), 864_000 * QUIV, DUST, "no more than all");
    }

    function test_WeightsShareTheRewards() public {
        stakeAs(alice, 1_000 * QUIV);
        stakeAs(bob, 200_000 * QUIV);
        fund(301_000 * QUIV, 10 days);
        skip(10 days);
        within(staking.pendingRewards(alice), 1_000 * QUIV, DUST, "weight 1,000");
        within(staking.pendingRewards(bob), 300_000 * QUIV, 300 * DUST, "weight 300,000");
    }

    function test_Claim() public {
        stakeAs(alice, 1_000 * QUIV);
        fund(1_000 * QUIV, 10 days);
        skip(5 days);
        uint256 pending = staking.pendingRewards(alice);
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.RewardsClaimed(alice, pending);
        vm.prank(alice);
        eq(staking.claimRewards(), pending, "returned");
        eq(token.balanceOf(alice), FUNDS - 1_000 * QUIV + pending, "paid");
        eq(staking.pendingRewards(alice), 0, "none left");
    }

    function test_ClaimBookedAndNew() public {
        stakeAs(alice, 1_000 * QUIV);
        fund(1_000 * QUIV, 10 days);
        skip(4 days);
        stakeAs(alice, 1_000 * QUIV);
        within(staking.pendingRewards(alice), 400 * QUIV, DUST, "booked");
        skip(6 days);
        vm.prank(alice);
        within(staking.claimRewards(), 1_000 * QUIV, DUST, "both");
    }

    function test_ClaimRejectsNothing() public {
        vm.expectRevert(IQUIVerStaking.NoRewards.selector);
        staking.claimRewards();
    }

    function test_ClaimTwiceInASecondRejects() public {
        stakeAs(alice, 1_000 * QUIV);
        fund(1_000 * QUIV, 10 days);
        skip(1 days);
        vm.startPrank(alice);
        staking.claimRewards();
        vm.expectRevert(IQUIVerStaking.NoRewards.selector);
        staking.claimRewards();
        vm.stopPrank();
    }

    function test_ClaimAfterLeaving() public {
        stakeAs(alice, 1_000 * QUIV);
        fund(1_000 * QUIV, 10 days);
        skip(5 days);
        vm.startPrank(alice);
        staking.requestUnstake(1_000 * QUIV);
        skip(14 days);
        staking.withdraw();
        within(staking.claimRewards(), 500 * QUIV, DUST, "what was earned while staked");
        vm.stopPrank();
    }

    // compounding

    function test_CompoundByKeeper() public {
        earn(alice, 100 * QUIV);
        auto_(alice);
        uint256 pending = staking.pendingRewards(alice);
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.RewardsCompounded(alice, keeper, pending - pending / 100, pending / 100);
        vm.prank(keeper);
        (uint256 compounded, uint256 fee) = staking.compoundFor(alice);
        eq(compounded + fee, pending, "all");
        eq(fee, pending / 100, "one per cent");
        eq(info(alice).staked, 1_000 * QUIV + compounded, "staked");
        eq(staking.pendingRewards(alice), 0, "none left");
        eq(staking.pendingRewards(keeper), fee, "the keeper's");
        vm.prank(keeper);
        eq(staking.claimRewards(), fee, "claimable");
    }

    function test_CompoundFeeIsCapped() public {
        earn(alice, 100_000 * QUIV);
        auto_(alice);
        vm.prank(keeper);
        (, uint256 fee) = staking.compoundFor(alice);
        eq(fee, 5 * QUIV, "cap");
    }

    function test_CompoundOwnHasNoFeeAndNoInterval() public {
        earn(alice, 100 * QUIV);
        vm.startPrank(alice);
        (uint256 compounded, uint256 fee) = staking.compoundFor(alice);
        eq(fee, 0, "no fee");
        within(compounded, 100 * QUIV, DUST, "all");
        skip(1);
        fund(10 * QUIV);
        skip(1 hours);
        staking.compoundFor(alice);
        vm.stopPrank();
    }

    function test_CompoundReachesTheNextTier() public {
        stakeAs(alice, 9_950 * QUIV);
        fund(100 * QUIV, 1 days);
        skip(1 days);
        vm.prank(alice);
        staking.compoundFor(alice);
        eq(staking.tierOf(alice), 2, "silver");
    }

    function test_CompoundRejectsWithoutTheFlag() public {
        earn(alice, 100 * QUIV);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.AutoCompoundOff.selector, alice));
        staking.compoundFor(alice);
    }

    function test_CompoundFlagGoesOff() public {
        earn(alice, 100 * QUIV);
        auto_(alice);
        isTrue(info(alice).autoCompound, "on");
        eq(info(alice).compoundableAt, block.timestamp, "at once");
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.AutoCompoundSet(alice, false);
        vm.prank(alice);
        staking.setAutoCompound(false);
        isTrue(!info(alice).autoCompound, "off");
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.AutoCompoundOff.selector, alice));
        staking.compoundFor(alice);
    }

    function test_CompoundRejectsTooSoon() public {
        earn(alice, 100 * QUIV);
        auto_(alice);
        staking.compoundFor(alice);
        fund(100 * QUIV, 10 days);
        skip(1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.CompoundTooSoon.selector, block.timestamp + 1));
        staking.compoundFor(alice);
        skip(1);
        staking.compoundFor(alice);
    }

    function test_CompoundRejectsNothing() public {
        stakeAs(alice, 1_000 * QUIV);
        vm.expectRevert(IQUIVerStaking.NoRewards.selector);
        vm.prank(alice);
        staking.compoundFor(alice);
    }

    function test_CompoundDrawsNobodyInWhoLeft() public {
        earn(alice, 100 * QUIV);
        auto_(alice);
        vm.prank(alice);
        staking.requestUnstake(1_000 * QUIV);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.AutoCompoundOff.selector, alice));
        staking.compoundFor(alice);
    }

    function test_CompoundRejectsWhilePaused() public {
        earn(alice, 100 * QUIV);
        vm.prank(guardian);
        staking.pause();
        vm.expectRevert(IQUIVerStaking.DepositsPaused.selector);
        vm.prank(alice);
        staking.compoundFor(alice);
    }

    function test_CompoundByStakedKeeperLeavesItsOwnRewards() public {
        stakeAs(keeper, 1_000 * QUIV);
        earn(alice, 200 * QUIV);
        auto_(alice);
        uint256 own = staking.pendingRewards(keeper);
        vm.prank(keeper);
        (, uint256 fee) = staking.compoundFor(alice);
        eq(staking.pendingRewards(keeper), own + fee, "both");
    }

    // fuzz: what one gets doesn't depend on what others do, nor on how often anyone calls

    function testFuzz_SharesFollowTheWeights(uint256 a, uint256 b, uint256 amount, uint256 time) public {
        a = between(a, 1_000 * QUIV, FUNDS);
        b = between(b, 1_000 * QUIV, FUNDS);
        amount = between(amount, QUIV, 1e26);
        time = between(time, 1, 10 days);
        stakeAs(alice, a);
        stakeAs(bob, b);
        fund(amount, 10 days);
        skip(time);
        uint256 first = staking.pendingRewards(alice);
        uint256 second = staking.pendingRewards(bob);
        uint256 released = amount * time / 10 days;
        isTrue(first + second <= released, "no more than released");
        within(first + second, released, 10 * QUIV / 1e9, "nothing lost");
        uint256 weight = info(alice).weight;
        within(first, (first + second) * weight / (weight + info(bob).weight), 2, "by weight");
    }

    function testFuzz_OrderOfCompoundingChangesNothing(uint256 a, uint256 b, bool aliceFirst) public {
        stakeAs(alice, between(a, 1_000 * QUIV, FUNDS));
        stakeAs(bob, between(b, 1_000 * QUIV, FUNDS));
        fund(100_000 * QUIV, 10 days);
        skip(3 days);
        uint256 pendingA = staking.pendingRewards(alice);
        uint256 pendingB = staking.pendingRewards(bob);
        compoundAs(aliceFirst ? alice : bob);
        compoundAs(aliceFirst ? bob : alice);
        eq(info(alice).staked, between(a, 1_000 * QUIV, FUNDS) + pendingA, "alice");
        eq(info(bob).staked, between(b, 1_000 * QUIV, FUNDS) + pendingB, "bob");
    }

    function testFuzz_CallingOftenEarnsNoMore(uint256 calls) public {
        stakeAs(alice, 1_000 * QUIV);
        stakeAs(bob, 1_000 * QUIV);
        fund(100_000 * QUIV, 10 days);
        calls = between(calls, 1, 20);
        for (uint256 i = 0; i < calls; ++i) {
            skip(10 days / calls);
            vm.prank(alice);
            staking.claimRewards();
        }
        uint256 gained = token.balanceOf(alice) - (FUNDS - 1_000 * QUIV);
        within(gained, staking.pendingRewards(bob), calls * DUST, "as who waited");
    }

    function earn(address account, uint256 amount) private {
        stakeAs(account, 1_000 * QUIV);
        fund(amount, 1 days);
        skip(1 days);
    }

    function fund(uint256 amount) private {
        vm.stopPrank();
        fund(amount, 1 days);
        vm.startPrank(alice);
    }

    function auto_(address account) private {
        vm.prank(account);
        staking.setAutoCompound(true);
    }

    function compoundAs(address account) private {
        vm.prank(account);
        staking.compoundFor(account);
    }
}
